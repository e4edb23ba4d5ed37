import fc from 'fast-check';
import type { FilesConfig } from '../../../connectors/files/index.ts';
import type { JsonObject, StateMessage } from '../../../protocol/index.ts';
import { compress, lastStates, openPlace, read, type Compressed, type Outcome } from './place.ts';

const compressions: readonly Compressed[] = ['none', 'gzip', 'zstd'];
const endings = { none: '', gzip: '.gz', zstd: '.zst' };

/** Cells that are hard to read right. */
const cell = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 8 }),
  fc.constantFrom('', '"', '""', ',', '\n', '\r\n', '\\', '\u0000', 'é', '漢字', '007', ' x '),
  fc.integer().map(String),
);
const row = fc.tuple(cell, cell);

interface FileShape {
  readonly isCsv: boolean;
  readonly compression: Compressed;
  readonly rows: readonly (readonly [string, string])[];
  readonly modified: number;
  readonly newlineAtEnd: boolean;
}

const fileShape: fc.Arbitrary<FileShape> = fc.record({
  isCsv: fc.boolean(),
  compression: fc.constantFrom(...compressions),
  rows: fc.array(row, { maxLength: 12 }),
  // Few moments: many files share one.
  modified: fc.integer({ min: 1_700_000_000, max: 1_700_000_002 }),
  newlineAtEnd: fc.boolean(),
});

function contentOf({ isCsv, rows, newlineAtEnd }: FileShape): string {
  const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
  const lines = isCsv
    ? ['a,b', ...rows.map(([a, b]) => `${quoted(a)},${quoted(b)}`)]
    : rows.map(([a, b]) => JSON.stringify({ a, b }));
  return lines.join('\n') + (newlineAtEnd && lines.length > 0 ? '\n' : '');
}

/** Reads in pieces: each is cut right after so many states, as by a kill, and the next begins with what was kept. */
async function readInPieces(
  config: FilesConfig,
  cuts: readonly number[],
): Promise<{ readonly records: string[]; readonly last: Outcome }> {
  const records: string[] = [];
  let state: readonly StateMessage[] = [];
  for (const statesMax of [...cuts, Infinity]) {
    const piece = await read(config, { state, statesMax });
    records.push(...piece.records);
    state = lastStates([...state, ...piece.states]);
    if (piece.end !== null) return { records, last: piece };
  }
  throw new Error('It never ended.');
}

test('whatever the files, a read that is killed after any of its states and resumed gives the same records', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fileShape, { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 5 }),
      fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 6 }),
      async (shapes, checkpointRecords, cuts) => {
        const place = openPlace();
        try {
          for (const [i, shape] of shapes.entries()) {
            const name = `${i}.${shape.isCsv ? 'csv' : 'jsonl'}${endings[shape.compression]}`;
            place.write(name, compress(contentOf(shape), shape.compression), shape.modified);
          }
          const config: FilesConfig = {
            path: place.path,
            streams: [
              {
                ...{ name: 's', glob: '*', types: { a: 'string', b: 'string' } },
                csv: { header: true, delimiter: ',' },
              },
            ],
            checkpoint_records: checkpointRecords,
          };
          const straight = await read(config);
          expect(straight.end).toMatchObject({ failure: null, statuses: { s: 'COMPLETE' } });
          const rows = shapes
            .map((shape, i) => ({ ...shape, i }))
            .sort((a, b) => a.modified - b.modified || a.i - b.i)
            .flatMap((shape) => shape.rows);
          expect(straight.records.map(cellsOf)).toEqual(rows);
          const pieces = await readInPieces(config, cuts);
          expect(pieces.records).toEqual(straight.records);
          expect(pieces.last.end!.failure).toBeNull();
          // And the next sync finds nothing new.
          const state = lastStates([...straight.states, ...pieces.last.states]);
          expect((await read(config, { state })).records).toEqual([]);
        } finally {
          place.drop();
        }
      },
    ),
    { numRuns: 150 },
  );
});

function cellsOf(record: string): [string, string] {
  const { a, b } = JSON.parse(record.slice(2)) as { a: string; b: string };
  return [a, b];
}

test('each state counts the records since the one before it', async () => {
  const place = openPlace();
  place.write('s.jsonl', '{"n":1}\n'.repeat(25));
  const counted: number[] = [];
  let since = 0;
  await read(
    { path: place.path, checkpoint_records: 10 },
    {
      on(item) {
        if (item.type === 'BLOCK') since += item.records;
        if (item.type !== 'STATE') return;
        expect(item.state.sourceStats?.recordCount).toBe(since);
        counted.push(since);
        since = 0;
      },
    },
  );
  place.drop();
  expect(counted).toEqual([10, 10, 5]);
});

describe('a large file', () => {
  const rows = 30_000;
  const line = (n: number): string => JSON.stringify({ n, pad: 'x'.repeat(n % 90), t: `"${n}\n` });
  const csvLine = (n: number): string => `${n},"${'x'.repeat(n % 90)}","""${n}\n"`;
  const contents = {
    jsonl: Array.from({ length: rows }, (_, n) => `${line(n)}\n`).join(''),
    csv: `n,pad,t\n${Array.from({ length: rows }, (_, n) => `${csvLine(n)}\n`).join('')}`,
  };

  test.each(compressions.flatMap((c) => (['jsonl', 'csv'] as const).map((f) => [f, c] as const)))(
    '%s, compression %s: goes on in its middle from each of its states',
    async (format, compression) => {
      const place = openPlace();
      place.write(`big.${format}${endings[compression]}`, compress(contents[format], compression));
      const config = { path: place.path, checkpoint_records: 7_000 };
      const straight = await read(config);
      expect(straight.records).toHaveLength(rows);
      expect(straight.states).toHaveLength(Math.ceil(rows / 7_000));
      for (const [i, state] of straight.states.entries()) {
        const rest = await read(config, { state: lastStates([state]) });
        expect(rest.end!.failure).toBeNull();
        expect(rest.records).toEqual(straight.records.slice((i + 1) * 7_000));
        // It was entered where it was left: it tells the same states, byte and line, from there on.
        if (i + 1 < straight.states.length)
          expect(rest.states).toEqual(straight.states.slice(i + 1));
      }
      place.drop();
    },
  );

  test('blocks stay small', async () => {
    const place = openPlace();
    place.write('big.jsonl', contents.jsonl);
    const { items } = await read({ path: place.path });
    place.drop();
    const sizes = items.flatMap((item) => (item.type === 'BLOCK' ? [item.bytes.byteLength] : []));
    expect(sizes.length).toBeGreaterThan(10);
    expect(Math.max(...sizes)).toBeLessThan(256 * 1024);
  });
});

test('Parquet goes on at its row from each of its states', async () => {
  const place = openPlace();
  await place.sql(
    `COPY (SELECT range AS n, 'x' || range AS t, [range] AS l FROM range(30000)) TO '$/a.parquet' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
  );
  await place.sql(
    `COPY (SELECT range AS file_row_number FROM range(5000)) TO '$/b[*].parquet' (FORMAT parquet, COMPRESSION gzip)`,
  );
  const config: FilesConfig = {
    path: place.path,
    streams: [{ name: 's', glob: '*.parquet' }],
    checkpoint_records: 3_777,
  };
  const straight = await read(config);
  expect(straight.end!.failure).toBeNull();
  expect(straight.records).toHaveLength(35_000);
  const numbers = straight.records.map((record) => {
    const data = JSON.parse(record.slice(2)) as JsonObject;
    return data['n'] ?? data['file_row_number'];
  });
  expect(numbers).toEqual([
    ...Array.from({ length: 30_000 }, (_, n) => n),
    ...Array.from({ length: 5_000 }, (_, n) => n),
  ]);
  let before = 0;
  for (const state of straight.states) {
    before += state.state.sourceStats!.recordCount!;
    const rest = await read(config, { state: lastStates([state]) });
    expect(rest.records).toEqual(straight.records.slice(before));
  }
  place.drop();
});
