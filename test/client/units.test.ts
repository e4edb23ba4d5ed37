import fc from 'fast-check';
import { durationText, parseDuration, parseSize, sizeText } from '../../client/units.ts';
import { age, ago, bytes, clean, duration, table } from '../../client/cli/format.ts';

test('reads durations and sizes, and nothing that only looks like one', () => {
  expect(['500ms', '45s', '30m', '6h', '1d', '1h30m', '1.5h'].map(parseDuration)).toEqual([
    500, 45_000, 1_800_000, 21_600_000, 86_400_000, 5_400_000, 5_400_000,
  ]);
  expect(['', '5', 's', '5 s', '-5s', '5sec', '1e3s'].map(parseDuration)).toEqual(
    Array(7).fill(undefined),
  );
  expect(['1B', '64KB', '64KiB', '64MB', '1.5GB'].map(parseSize)).toEqual([
    1,
    65_536,
    65_536,
    64 * 1024 ** 2,
    1.5 * 1024 ** 3,
  ]);
  expect(['', '64', '64mb', '-1MB', 'MB'].map(parseSize)).toEqual(Array(5).fill(undefined));
});

test('writes durations and sizes that read back as the same', () => {
  fc.assert(
    fc.property(fc.nat(), (n) => {
      expect(parseDuration(durationText(n))).toBe(n);
      expect(parseSize(sizeText(n))).toBe(n);
    }),
  );
});

test('writes times and sizes for people', () => {
  expect([400, 12_300, 185_000, 7_620_000, 273_600_000].map(duration)).toEqual([
    '0.4s',
    '12s',
    '3m05s',
    '2h07m',
    '3d04h',
  ]);
  expect([0, 1023, 1536, 150 * 1024, 5 * 1024 ** 3].map(bytes)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KB',
    '150 KB',
    '5.0 GB',
  ]);
  const now = Date.parse('2026-01-01T00:01:00Z');
  expect(ago('2026-01-01T00:00:57.400Z', now)).toBe('2s ago');
  expect(age('2026-01-01T00:00:00Z', now)).toBe('1m00s');
  expect(ago(null, now)).toBe('never');
});

test('aligns a table and keeps control characters out of it', () => {
  expect(
    table(
      ['A', 'COUNT'],
      [
        ['x\u001B[31m', '1'],
        ['yy', '22'],
      ],
      [1],
    ),
  ).toEqual(['A       COUNT', 'x [31m      1', 'yy         22']);
  expect(clean('a\r\nb\u0007c\u009Bd')).toBe('a b c d');
});
