import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { createScanner, type ScanItem, type ScannerOptions } from '../../engine/scan/scanner.ts';
import { unreadablePrefix } from '../../engine/scan/line.ts';
import { SyncError } from '../../protocol/index.ts';
import { otherLine, recordLine, stateLine } from './scan-lines.ts';
import { reference, seen } from './scan-reference.ts';

function scanAll(chunks: readonly Uint8Array[], options: ScannerOptions = {}): ScanItem[] {
  const scanner = createScanner(options);
  return [...chunks.flatMap((chunk) => [...scanner.scan(chunk)]), ...scanner.end()];
}

/** Cuts at the given places, each chunk in memory of its own with `room` before it, all overwritten once it was scanned. */
function scanCut(bytes: Buffer, cuts: readonly number[], room = 0): ScanItem[] {
  const guard = '0123456789';
  const scanner = createScanner();
  const found: ScanItem[] = [];
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])];
  places.sort((a, b) => a - b);
  for (let i = 1; i < places.length; i += 1) {
    const piece = bytes.subarray(places[i - 1], places[i]);
    const memory = Buffer.concat([Buffer.from(guard), Buffer.alloc(room, '#'), piece]);
    for (const item of scanner.scan(memory.subarray(guard.length + room), room))
      found.push(item.type === 'RUN' ? { ...item, bytes: Buffer.from(item.bytes) } : item);
    expect(memory.toString('latin1', 0, guard.length)).toBe(guard);
    memory.fill('#');
  }
  found.push(...scanner.end());
  return found;
}

const record = (stream: string, data: string, rest = ',"emitted_at":1'): string =>
  `{"type":"RECORD","record":{"stream":"${stream}","data":${data}${rest}}}`;

const streams = (lines: readonly string[]): string[] =>
  seen(scanAll([Buffer.from(`${lines.join('\n')}\n`)])).map((line) =>
    'stream' in line ? line.stream : 'none',
  );

function failureOf(chunks: readonly string[], options: ScannerOptions = {}): SyncError {
  const items: ScanItem[] = [];
  const scanner = createScanner(options);
  try {
    for (const chunk of chunks)
      for (const item of scanner.scan(Buffer.from(chunk))) items.push(item);
    for (const item of scanner.end()) items.push(item);
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
  throw new Error(`It found ${items.length} items and no failure.`);
}

test('finds what a parser finds in any output, however it is cut', () => {
  const line = fc.oneof(
    { arbitrary: recordLine, weight: 12 },
    { arbitrary: stateLine, weight: 2 },
    { arbitrary: otherLine, weight: 1 },
  );
  // A few lines many times: envelopes are learned, then used on others that resemble them.
  const output = fc
    .tuple(fc.array(line, { minLength: 1, maxLength: 12 }), fc.array(fc.nat(11), { maxLength: 40 }))
    .map(([lines, order]) => [...lines, ...order.map((n) => lines[n % lines.length]!)]);
  fc.assert(
    fc.property(
      output,
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.array(fc.nat(), { maxLength: 12 }),
      fc.constantFrom(0, 20, 10_000),
      (lines, ending, closed, cuts, room) => {
        const text = lines.join(ending) + (closed ? ending : '');
        expect(seen(scanCut(Buffer.from(text), cuts, room))).toEqual(reference(text));
      },
    ),
    { numRuns: 1500 },
  );
});

test('finds where nested data ends, whatever its strings hold and however long they are', () => {
  const text = fc.string({
    unit: fc.constantFrom('\\', '"', '{', '}', '[', ']', ',', ':', 'x', 'é'),
    maxLength: 150,
  });
  const value = fc.oneof(
    text.map((one) => JSON.stringify(one)),
    fc.tuple(text, text).map(([key, one]) => JSON.stringify({ [key]: [one, { [one]: key }] })),
  );
  const hidden = fc.constantFrom('', ',"namespace":"n","meta":{}', ',"meta":{"a":{}}');
  const line = fc.tuple(value, value, hidden).map(([a, b, rest]) =>
    // A member between the data and its usual tail must not be taken for data.
    record('a', `{"a":${a},"o":{"b":${b}}}`, `${rest},"emitted_at":1`),
  );
  fc.assert(
    fc.property(fc.array(line, { minLength: 2, maxLength: 20 }), (lines) => {
      const output = `${[...lines, ...lines].join('\n')}\n`;
      expect(seen(scanAll([Buffer.from(output)]))).toEqual(reference(output));
    }),
    { numRuns: 500 },
  );
});

test('finds the same in chunks that are larger than what it looks at in one go', () => {
  const lines = Array.from({ length: 5000 }, (_, n) => {
    if (n % 700 === 699) return '{"type":"LOG","log":{"level":"INFO","message":"on"}}';
    const data = JSON.stringify({ n, v: 'x'.repeat((n * 37) % 400), o: n % 3 ? {} : { n } });
    return record(n % 50 < 25 ? 'a' : 'b', data, `,"emitted_at":${n}`);
  });
  const output = `${lines.join('\n')}\n`;
  expect(output.length).toBeGreaterThan(1024 * 1024);
  expect(seen(scanAll([Buffer.from(output)]))).toEqual(reference(output));
});

test('finds the same when every byte comes alone', () => {
  const text = `${record('a', '{"id":1}')}\r\n{"type":"LOG","log":{"level":"INFO","message":"é"}}\n${record('a', '{"x":{"y":"}"}}')}\n`;
  const bytes = Buffer.from(text);
  expect(seen(scanCut(bytes, [...bytes.keys()]))).toEqual(reference(text));
});

const captures = fileURLToPath(new URL('./scan-captures/', import.meta.url));

test.each(readdirSync(captures))('finds what a parser finds in the real output %s', (name) => {
  const bytes = readFileSync(`${captures}${name}`);
  const cuts = Array.from({ length: 50 }, (_, i) => i * 997);
  expect(seen(scanCut(bytes, cuts))).toEqual(reference(bytes.toString('utf8')));
  expect(seen(scanAll([bytes]))).toEqual(reference(bytes.toString('utf8')));
});

test('sends adjacent records of a stream as one piece of the chunk, not as a copy', () => {
  const text = Buffer.from(`${record('a', '{"id":1}')}\n`.repeat(3) + `${record('b', '{}')}\n`);
  const items = scanAll([text]);
  expect(items.map((item) => item.type === 'RUN' && [item.stream, item.records])).toEqual([
    ['a', 3],
    ['b', 1],
  ]);
  for (const item of items) expect(item.type === 'RUN' && item.bytes.buffer).toBe(text.buffer);
});

test('tells apart records that differ only behind their data', () => {
  const plain = record('a', '{"id":1}');
  const lines = [
    plain,
    record('a', '{"id":1}', ',"namespace":"n","meta":{},"emitted_at":1'),
    record('a', '{"id":1}', ',"meta":{},"namespace":"n","emitted_at":1'),
    record('a', '{"id":1}', ',"stream":"b","meta":{},"emitted_at":1'),
    record('a', '{"o":{},"namespace":"n","meta":{}}'),
    `{"type":"RECORD","record":{"stream":"a","data":{}},"record":{"stream":"c","data":{},"emitted_at":1}}`,
    plain,
  ];
  const expected = ['a', 'n/a', 'n/a', 'b', 'a', 'c', 'a'];
  expect(streams(lines)).toEqual(expected);
  expect(streams([...lines, ...lines])).toEqual([...expected, ...expected]);
});

test('takes a namespace that is null, empty or absent for the same stream', () => {
  const at = (namespace: string): string =>
    `{"type":"RECORD","record":{"namespace":${namespace},"stream":"a","data":{},"emitted_at":1}}`;
  expect(streams([at('null'), at('""'), at('"n"'), record('a', '{}')])).toEqual([
    'a',
    'a',
    'n/a',
    'a',
  ]);
});

test('keeps the text of a state whose numbers parsing would change', () => {
  const state = (cursor: string): string =>
    `{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{"id": ${cursor}}}},"x":1.0}`;
  const items = scanAll([Buffer.from(`${state('9007199254740993')}\n${state('7')}\n`)]);
  expect(items.map((item) => item.type === 'MESSAGE' && item.message)).toEqual([
    expect.objectContaining({
      exact:
        '{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{"id": 9007199254740993}}}',
    }),
    expect.not.objectContaining({ exact: expect.anything() }),
  ]);
});

test('takes a line of 20 MB in small chunks, flat and nested, first seen and known', () => {
  const value = 'x'.repeat(20 * 1024 * 1024);
  const text = Buffer.from(
    [
      record('a', `{"v":"${value}"}`),
      record('a', '{"v":"y"}'),
      record('a', `{"v":"${value}"}`),
      record('a', `{"o":{"v":"${value}"}}`),
      '',
    ].join('\n'),
  );
  const chunks: Buffer[] = [];
  for (let at = 0; at < text.length; at += 8192) chunks.push(text.subarray(at, at + 8192));
  let records = 0;
  let bytes = 0;
  for (const item of scanAll(chunks)) {
    if (item.type !== 'RUN') throw new Error('It found something else than records.');
    records += item.records;
    bytes += item.bytes.length;
  }
  expect([records, bytes]).toEqual([4, text.length]);
});

test.each([
  ['cut at its end', '{"type":"RECORD","record":{"stream":"a","data":{"id":1\n'],
  [
    'cut before its last brace',
    '{"type":"RECORD","record":{"stream":"a","data":{"id":1},"emitted_at":1}\n',
  ],
  ['cut in its type', '{"type":"REC\n'],
  ['whose beginning is lost', '{"stream":"a"},"type":"RECORD"}\n'],
  [
    'behind other text',
    'progress 10% {"type":"RECORD","record":{"stream":"a","data":{},"emitted_at":1}}\n',
  ],
  ['behind another record', `${record('a', '{"id":1}')}${record('a', '{"id":2}')}\n`],
  ['without its stream', '{"type":"RECORD","record":{"data":{"secret":1},"emitted_at":1}}\n'],
  ['without data', '{"type":"RECORD","record":{"stream":"a","emitted_at":1}}\n'],
  [
    'with a masked payload key',
    '{"type":"RECORD","re****rd":{"stream":"a","data":{},"emitted_at":1}}\n',
  ],
  [
    'with a masked type key',
    '{"ty****pe":"RECORD","record":{"stream":"a","data":{},"emitted_at":1}}\n',
  ],
  ['with a masked type', '{"type":"RE****RD","record":{"stream":"a","data":{},"emitted_at":1}}\n'],
])('refuses a record %s, with its place and without its contents', (_, broken) => {
  const before = `${record('a', '{"id":1}')}\n\n`;
  for (const chunks of [
    [before + broken],
    [before, ...broken.split('')],
    [before, broken.trimEnd()],
  ]) {
    const failure = failureOf(chunks);
    expect(failure).toMatchObject({ kind: 'system_error', origin: 'source' });
    expect(failure.facts).toMatchObject({ line: 3, byte: before.length });
    expect(JSON.stringify(failure.toFailure())).not.toMatch(/secret|"id/);
  }
});

test('refuses a state that cannot be used', () => {
  expect(failureOf(['{"type":"STATE","st****te":{}}\n']).kind).toBe('system_error');
  expect(failureOf(['{"type":"STATE","state":{"type":"STREAM"}}\n']).kind).toBe('system_error');
});

test('yields what came before a broken line', () => {
  const scanner = createScanner();
  const items: ScanItem[] = [];
  const text = `${record('a', '{}')}\n{"type":"LOG","log":{"level":"INFO","message":"m"}}\n${record('a', '{}')}\n{"type":"RECORD"\n`;
  expect(() => {
    for (const item of scanner.scan(Buffer.from(text))) items.push(item);
  }).toThrow('not valid JSON');
  expect(items.map((item) => item.type)).toEqual(['RUN', 'MESSAGE', 'RUN']);
});

test('refuses a line that never ends once it passes the limit, and one in a single chunk', () => {
  const long = 'x'.repeat(600);
  expect(failureOf([long, long], { lineBytesMax: 1000 }).message).toMatch(/too long/);
  expect(failureOf([`${long}${long}\n`], { lineBytesMax: 1000 }).message).toMatch(/too long/);
  expect(failureOf(['ok\n', long, long], { lineBytesMax: 1000 }).facts).toMatchObject({ line: 2 });
});

test('a line above the limit is told with its size, the limit and its stream, but with nothing of its data', () => {
  const line = `{"type":"RECORD","record":{"namespace":"shop","stream":"orders","data":{"stream":"secret","x":"${'x'.repeat(900)}"}}}\n`;
  const { place, stream, facts } = failureOf([line], { lineBytesMax: 500 });
  expect(place).toMatch(/^stream orders, stdout line 1, byte 0: \d+ bytes or more, at most 500$/);
  expect([stream, facts?.['lengthMax']]).toEqual(['orders', 500]);
  const dataFirst = `{"type":"RECORD","record":{"data":{"stream":"secret","x":"${'x'.repeat(900)}"}}}\n`;
  expect(failureOf([dataFirst], { lineBytesMax: 500 }).stream).toBeUndefined();
});

test('shows a message that lacks its payload as text, marked as unreadable', () => {
  const [item] = scanAll([Buffer.from('{"type":"TRACE","tr****ce":{"type":"ERROR"}}\n')]);
  expect(item).toMatchObject({ type: 'TEXT' });
  expect(item?.type === 'TEXT' && item.text.startsWith(unreadablePrefix)).toBe(true);
});

test('knows more envelopes than it remembers', () => {
  const lines = Array.from({ length: 300 }, (_, i) => record(`s${i % 150}`, '{"id":1}'));
  expect(streams(lines)).toEqual(lines.map((_, i) => `s${i % 150}`));
});

test('a line that two chunks share makes no run of its own where there is room for its beginning', () => {
  const line = `${record('a', '{"n":1}')}\n`;
  const text = Buffer.from(line.repeat(6));
  const cut = Math.round(line.length * 2.5);
  const runsWith = (room: number): number[] => {
    const scanner = createScanner();
    const memory = Buffer.concat([Buffer.alloc(room), text.subarray(cut)]);
    const found = [
      ...scanner.scan(text.subarray(0, cut)),
      ...scanner.scan(memory.subarray(room), room),
    ];
    return found.map((item) => (item.type === 'RUN' ? item.records : 0));
  };
  expect(runsWith(line.length)).toEqual([2, 4]);
  expect(runsWith(1)).toEqual([2, 1, 3]);
});

test('reads a record whose numbers are none, also the first of its stream; broken otherwise it stays refused', () => {
  const data = '{"a":NaN,"b":[-Infinity, Infinity],"c":"NaN \\"Infinity"}';
  const lines = [record('a', data), record('a', '{"id":1}'), record('b', data)];
  expect(seen(scanAll([Buffer.from(`${lines.join('\n')}\n`)]))).toEqual(
    lines.map((line, i) => ({ record: line, stream: i < 2 ? 'a' : 'b' })),
  );
  for (const broken of [`{"a":NaN,}`, `{"a":NaNs}`, `{"a":"NaN}`])
    expect(failureOf([`${record('a', broken)}\n`]).message).toMatch(/not valid JSON/);
  const state = '{"type":"STATE","state":{"type":"LEGACY","data":{"a":NaN}}}\n';
  expect(failureOf([state]).message).toMatch(/not valid JSON/);
});
