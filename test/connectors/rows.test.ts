import fc from 'fast-check';
import { digitsOf } from '../../connectors/kit/rows/numerals.ts';
import { recordsOf } from '../../connectors/kit/rows/records.ts';
import { timestampText } from '../../connectors/kit/rows/times.ts';
import type { StreamId } from '../../protocol/index.ts';

const stream = 'orders' as StreamId;
const lineOf = (data: unknown, more: object = {}): string =>
  JSON.stringify({ type: 'RECORD', record: { stream, data, emitted_at: 7, ...more } });
const read = (...lines: readonly string[]) =>
  recordsOf(Buffer.from(`${lines.join('\n')}\n`), stream);

test('a record’s fields are what JSON says they are, as the texts that stand there', () => {
  const key = fc.oneof(
    fc.string(),
    fc.constantFrom('data', 'record', 'meta', 'emitted_at', '"\\{'),
  );
  fc.assert(
    fc.property(fc.dictionary(key, fc.jsonValue()), fc.integer(), (data, emitted_at) => {
      const text = JSON.stringify({ record: { emitted_at, data, stream }, type: 'RECORD' });
      fc.pre(!/\\u(?:0000|d[89a-f])/i.test(text));
      const [record] = read(text);
      const fields = [...record!.fields].map(([name, json]) => [name, JSON.parse(json) as unknown]);
      expect(Object.fromEntries(fields)).toEqual(JSON.parse(JSON.stringify(data)));
      expect(record!.emittedAt).toBe(String(emitted_at));
    }),
  );
});

test('numbers keep their spelling, white space is none of theirs, and of a key that is there twice the last counts', () => {
  const data = '{"a": 1.50 ,"b":12345678901234567890,"a" : 1e400\t, "c":[ 1, {"a":2} ]}';
  const [record] = read(
    `{ "record" : {"data": {"a":0}}, "type":"RECORD", "record":{"data":${data} , "emitted_at": 12 , "meta":{"changes":[ {"field":"z"} ]}}, "_tidemark":{"nulled":["x"]}}`,
  );
  expect([...record!.fields]).toEqual([
    ['a', '1e400'],
    ['b', '12345678901234567890'],
    ['c', '[ 1, {"a":2} ]'],
  ]);
  expect(record).toMatchObject({ emittedAt: '12', changes: '{"field":"z"}', broken: ['x'] });
});

test.each([
  ['no data', '{"type":"RECORD","record":{"stream":"orders"}}'],
  ['data that is a list', lineOf([1])],
  ['a record that is a text', '{"type":"RECORD","record":"data"}'],
  ['no record', '{"type":"RECORD"}'],
])('a line with %s is refused', (_, line) => {
  expect(() => read(lineOf({ id: 1 }), line)).toThrow(/record/i);
});

test('the digits of a number do not depend on how it is written', () => {
  const whole = fc.bigInt({ min: 0n, max: 10n ** 40n }).map(String);
  const fraction = fc.stringMatching(/^[0-9]{0,40}$/);
  fc.assert(
    fc.property(fc.boolean(), whole, fraction, (isNegative, ints, decimals) => {
      const sign = isNegative ? '-' : '';
      const point = decimals === '' ? '' : `.${decimals}`;
      const expected = {
        whole: ints === '0' ? 0 : ints.length,
        scale: decimals.replace(/0+$/, '').length,
      };
      expect(digitsOf(`${sign}${ints}${point}`)).toEqual(expected);
      // The same number by an exponent.
      expect(digitsOf(`${sign}${BigInt(ints + decimals)}e-${decimals.length}`)).toEqual(expected);
    }),
  );
  expect(['', '-', '.5', '1.', '01', '+1', 'NaN', '1 '].map(digitsOf)).toEqual(Array(8).fill(null));
});

test('a point in time is the same in UTC, whatever the zone that it is written in', () => {
  const two = (n: number): string => String(n).padStart(2, '0');
  const instant = fc.date({
    min: new Date('0002-01-01T00:00:00Z'),
    max: new Date('9998-12-31T00:00:00Z'),
    noInvalidDate: true,
  });
  const zone = fc.integer({ min: -14 * 60, max: 14 * 60 });
  fc.assert(
    fc.property(instant, zone, (at, minutes) => {
      const expected = at.toISOString().slice(0, 23).replace('T', ' ');
      expect(timestampText(at.toISOString(), true, 6)).toBe(expected);
      const local = new Date(at.getTime() + minutes * 60_000).toISOString().slice(0, -1);
      const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
      const offset = `${minutes < 0 ? '-' : '+'}${two(hours)}:${two(rest)}`;
      expect(timestampText(`${local}${offset}`, true, 6)).toBe(expected);
    }),
  );
  const days = ['2023-02-29T00:00:00Z', '2024-02-29T24:00:00Z', '2024-02-29T25:00:00Z'];
  expect(days.map((text) => timestampText(text, true, 6))).toEqual([
    null,
    '2024-03-01 00:00:00',
    null,
  ]);
});
