import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { createEnvelopes } from '../../engine/scan/envelopes.ts';
import { streamId } from '../../protocol/index.ts';

const scan = (name: string): string =>
  fileURLToPath(new URL(`../../engine/scan/${name}`, import.meta.url));

const record = (data: string, rest = '', emitted = 1): string =>
  `{"type":"RECORD","record":{"stream":"a","data":${data}${rest},"emitted_at":${emitted}}}`;

/** How many of the lines are taken without being parsed, once the first was learned. */
function taken(lines: readonly string[], ending = '\n'): number {
  const envelopes = createEnvelopes();
  envelopes.learn(Buffer.from(lines[0]!), streamId({ name: 'a' }));
  const bytes = Buffer.from(lines.map((line) => line + ending).join(''));
  envelopes.load(bytes, 0, bytes.length);
  let count = 0;
  let end = 0;
  const place = envelopes.match(0, (_, records, until) => {
    count += records;
    end = until;
  });
  expect(place).toBe(end);
  return count;
}

test('the compiled code is that of its source (npm run wasm makes it)', () => {
  const compiled = execFileSync(process.execPath, [scan('envelopes.compile.mjs'), '--print']);
  expect(readFileSync(scan('envelopes-wasm.ts'), 'utf8')).toBe(compiled.toString());
});

test('takes lines with any data unread, and stops at one with another member behind its data', () => {
  const text = fc.string({
    unit: fc.constantFrom('\\', '"', '{', '}', '[', ']', ',', ':', 'x', 'é'),
    maxLength: 150,
  });
  const value = fc.oneof(
    text.map((one) => JSON.stringify(one)),
    fc.tuple(text, text).map(([key, one]) => JSON.stringify({ [key]: [one, { [one]: key }] })),
  );
  const data = fc.tuple(value, value).map(([a, b]) => `{"a":${a},"o":{"b":${b}},"c":${a}}`);
  const behind = fc.constantFrom(',"namespace":"n","meta":{}', ',"meta":{"a":{}}');
  fc.assert(
    fc.property(
      fc.array(data, { minLength: 1, maxLength: 9 }),
      data,
      behind,
      fc.constantFrom('\n', '\r\n'),
      (known, other, rest, ending) => {
        const lines = known.map((one, n) => record(one, '', n));
        expect(taken([...lines, record(other, rest), ...lines], ending)).toBe(lines.length);
      },
    ),
    { numRuns: 1000 },
  );
});

test('takes more runs than fit into its memory at once', () => {
  const plain = record('{"id":1}');
  const lines = Array.from({ length: 9000 }, () => plain);
  expect(taken(lines, '\r\n')).toBe(lines.length);
});

test.each([
  ['cut short', record('{"id":1}').slice(0, -1)],
  ['with text behind it', `${record('{"id":1}')} x`],
  ['of another stream', record('{"id":1}').replace('"a"', '"b"')],
  ['whose number is none', record('{"id":1}').replace(':1}}', ':}}')],
  ['without a closing brace', record('{"id":1').replace('}', '')],
  ['that is empty', ''],
  [
    'with a line feed in a string',
    '{"type":"RECORD","record":{"stream":"a","data":{"s":"}\n","o":1},"emitted_at":1}}',
  ],
])('leaves a line %s to the parser', (_, line) => {
  const plain = record('{"id":1}');
  expect(taken([plain, line, plain])).toBe(1);
});
