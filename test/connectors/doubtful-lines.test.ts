import fc from 'fast-check';
import { exactLines, repaired } from '../../connectors/kit/duckdb/repair.ts';
import { doubtfulLines, longNumerals } from '../../connectors/kit/suspicion.ts';
import { streamId } from '../../protocol/index.ts';

const stream = streamId({ name: 's' });

test('a long numeral is noticed wherever it stands', () => {
  for (let at = 0; at < 40; at += 1) {
    const space = ' '.repeat(at);
    const found = [...longNumerals(Buffer.from(`${space}123456789.123456 1234567890123456`))];
    expect(found).toEqual([at, at + 17]);
    expect([...longNumerals(Buffer.from(`${space}123456789.12345 123456789012345`))]).toEqual([]);
  }
});

const isDoubtful = (data: string): boolean =>
  doubtfulLines(Buffer.from(`{"a":${data}}\n`), ['NaN']).length > 0;

test.each([
  '1.5e-324',
  '-1E+400',
  '9007199254740993',
  '"9007199254740993"',
  '[1, 0.10000000000000000001 ]',
  'NaN',
  '0e12345',
  `0.${'0'.repeat(400)}`,
])('%s is doubtful', (data) => {
  expect(isDoubtful(data)).toBe(true);
});

test.each([
  '1.5',
  '1e100',
  '9007199254740992',
  '0.10000000000000001',
  '"2024-01-01T00:00:00.123456Z"',
  '"a9007199254740993"',
  '"9007199254740993 "',
  '"12e4567f"',
  '"0123456789abcdef1e400"',
  String.raw`"\"9007199254740993\""`,
])('%s is not', (data) => {
  expect(isDoubtful(data)).toBe(false);
});

test('doubtful lines that follow each other come together', () => {
  const lines = ['{"a":NaN}\n', '{"a":1e400}\n', '{"a":1}\n', '{"a":"Na"}\n', '{"a":1e-400}\n'];
  const bytes = Buffer.from(lines.join(''));
  const found = doubtfulLines(bytes, ['NaN']).map(({ start, end }) =>
    bytes.toString('latin1', start, end),
  );
  expect(found).toEqual([lines.slice(0, 2).join(''), lines[4]]);
});

const digits = fc.string({
  unit: fc.constantFrom(...Array.from('0123456789')),
  minLength: 1,
  maxLength: 25,
});
const numeral = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits.map((text) => text.replace(/^0+(?=.)/, '')),
    fc.option(digits, { nil: null }),
    fc.option(
      fc.tuple(fc.constantFrom('e', 'E', 'e-', 'E+'), fc.integer({ min: 0, max: 99_999 })),
      {
        nil: null,
      },
    ),
  )
  .map(([sign, whole, fraction, exponent]) =>
    [sign, whole, fraction === null ? '' : `.${fraction}`, exponent?.join('') ?? ''].join(''),
  );
const hex = fc.string({
  unit: fc.constantFrom(...Array.from('0123456789e.-+"\\ :,a')),
  maxLength: 40,
});
const scalar = fc.oneof(
  numeral,
  numeral.map((text) => `"${text}"`),
  hex.map((text) => JSON.stringify(text)),
  fc.constantFrom('null', 'true', 'NaN', '-Infinity', String.raw`"\u0000"`, '{}'),
);
const value = fc.oneof(
  { weight: 4, arbitrary: scalar },
  fc.array(scalar, { maxLength: 3 }).map((values) => `[${values.join(', ')}]`),
  fc
    .array(scalar, { maxLength: 3 })
    .map((values) => `{${values.map((v, i) => `"k${i}" : ${v}`).join(' ,')}}`),
);
const line = fc
  .array(value, { maxLength: 4 })
  .map((values) => values.map((one, i) => `"f${i}":${one}`).join(','))
  .map((data) => `{"type":"RECORD","record":{"data":{${data}},"emitted_at":1}}`);

/** What a destination is told beside the record. */
const notes = (bytes: Uint8Array): (string | undefined)[] =>
  Buffer.from(bytes)
    .toString()
    .trimEnd()
    .split('\n')
    .map((text) => /"_tidemark".*/.exec(text)?.[0]);

test('whatever records hold: lines that stay as they are would be told of nothing', () => {
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
      expect(notes(exactLines(bytes, stream))).toEqual(notes(repaired(bytes, stream)));
    }),
    { numRuns: 500 },
  );
});
