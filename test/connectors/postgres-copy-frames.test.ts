import fc from 'fast-check';
import { createCopyFrames } from '../../connectors/postgres/source/copy-frames.ts';
import { binaryRows, textRows } from '../../connectors/postgres/source/copy-rows.ts';
import { failure } from './harness.ts';

type Fields = readonly (string | null)[];

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.byteLength + 4, 1);
  return Buffer.concat([head, body]);
}

function tuple(fields: Fields): Buffer {
  const parts: Buffer[] = [Buffer.from([0, fields.length])];
  for (const field of fields) {
    const length = Buffer.alloc(4);
    length.writeInt32BE(field === null ? -1 : Buffer.byteLength(field));
    parts.push(length, Buffer.from(field ?? ''));
  }
  return Buffer.concat(parts);
}

const signature = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const trailer = Buffer.from([0xff, 0xff]);

/** As a server answers: the signature comes with the first row, the end by itself. */
function answerOf(rows: readonly Fields[]): Buffer {
  const frames = rows.map(tuple);
  const [first, ...rest] = frames.length === 0 ? [trailer] : [...frames, trailer];
  const data = [Buffer.concat([signature, first!]), ...rest].map((body) => message('d', body));
  return Buffer.concat([
    ...[message('H', Buffer.alloc(3)), ...data.slice(0, 1), message('N', Buffer.from('notice\0'))],
    ...[...data.slice(1), message('c', Buffer.alloc(0)), message('Z', Buffer.from('I'))],
  ]);
}

test('rows come out of what the server sends, whole, wherever it is cut; all else is the driver’s', () => {
  const field = fc.option(fc.string({ unit: 'grapheme', maxLength: 40 }));
  fc.assert(
    fc.property(
      fc.array(fc.array(field, { maxLength: 4 }), { maxLength: 10 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
      (rows, cuts) => {
        const found: Fields[] = [];
        let others = '';
        const frames = createCopyFrames({
          data: binaryRows((fields) => found.push(fields.map((one) => one?.toString() ?? null))),
          other: (bytes) => (others += String.fromCharCode(bytes[0]!)),
        });
        const bytes = answerOf(rows);
        for (let at = 0, i = 0; at < bytes.byteLength; i += 1) {
          const to = at + cuts[i % cuts.length]!;
          frames.take(bytes.subarray(at, to));
          at = to;
        }
        expect(found).toEqual(rows);
        expect(others).toBe('HNcZ');
      },
    ),
  );
});

test('rows of text come out as they are, without their newline; a piece of one is refused', async () => {
  const found: string[] = [];
  const frames = createCopyFrames({
    data: textRows((row) => found.push(row.toString())),
    other: () => undefined,
  });
  const rows = ['1\ta\\tb', '', '2\t\\N'];
  const bytes = Buffer.concat(rows.map((row) => message('d', Buffer.from(`${row}\n`))));
  for (let at = 0; at < bytes.byteLength; at += 3) frames.take(bytes.subarray(at, at + 3));
  expect(found).toEqual(rows);
  const taken = Promise.resolve().then(() => frames.take(message('d', Buffer.from('1\ta'))));
  expect(await failure(taken)).toMatchObject({ kind: 'system_error' });
});

test('a row that is too large is refused by its length, before it is there', async () => {
  const frames = createCopyFrames({ data: () => undefined, other: () => undefined });
  const head = Buffer.from('d\0\0\0\0');
  head.writeInt32BE(200 * 1024 * 1024, 1);
  const taken = Promise.resolve().then(() => frames.take(head));
  expect(await failure(taken)).toMatchObject({
    ...{ kind: 'config_error', message: 'A row is too large.' },
    place: 'a row of 200 MiB, the most is 64 MiB',
  });
});
