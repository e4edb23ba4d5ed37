import { caseFold, claimNames } from '../../../connectors/kit/identifiers.ts';
import { admits, planTable } from '../../../connectors/kit/tables.ts';
import type { Target } from '../../../connectors/kit/targets.ts';
import { cells } from '../../../connectors/snowflake/cells.ts';
import {
  literal,
  quote,
  spell,
  spelledHere,
  spelledThere,
} from '../../../connectors/snowflake/names.ts';
import { line } from '../../../connectors/snowflake/stage.ts';
import { cast, typeText, widerType } from '../../../connectors/snowflake/types.ts';

describe('names', () => {
  /** What the server has of these, as it is read back. */
  const readBack = (names: Iterable<string>): string[] =>
    [...names].map((name) => spelledHere(quote(name).slice(1, -1)));
  const claim = (wanted: readonly string[], existing: readonly string[]): Map<string, string> =>
    claimNames(wanted, { fold: caseFold, spell, existing, reserved: [] });

  test.each([
    'id',
    'userId',
    'USER',
    'größe',
    'ΟΔΟΣ',
    'İ',
    'ﬀ',
    'ß',
    'ẞ',
    'a b',
    '😀',
    'k'.repeat(100),
  ])('the column of %s is found again', (field) => {
    const first = claim([field], []);
    const existing = readBack(first.values());
    expect(existing).toEqual([...first.values()]);
    expect(claim([field], existing)).toEqual(first);
  });

  test('fields that differ in case have columns of their own, whatever their order and company', () => {
    const first = claim(['userId', 'userid', 'USERID'], []);
    const existing = readBack(first.values());
    expect(new Set(existing).size).toBe(3);
    expect(first.get('userId')).toBe('userid');
    for (const field of first.keys())
      expect(claim([field], existing).get(field)).toBe(first.get(field));
    expect(claim(['USERID', 'userid', 'userId'], existing)).toEqual(
      new Map([...first].toReversed()),
    );
  });

  test('no two characters share a column', () => {
    for (let code = 1; code < 0x30000; code += 1) {
      const name = spell(String.fromCodePoint(code));
      if (spelledHere(spelledThere(name)) !== name) expect([code, name]).toBeNull();
    }
  });

  test('a column in quotes that somebody else made is nobody’s', () => {
    const [name] = claim(['userId'], [spelledHere('userId')]).values();
    expect(name).toMatch(/^userid_[0-9a-f]{8}$/);
  });

  test('a frozen table goes on to take a field whose name has capitals', async () => {
    const target: Target = {
      ...{ stream: 'orders', schema: 's', table: 'orders', hidden: null },
      ...{ fields: new Map([['userId', 'string']]), dedupBy: null, only: null, frozen: true },
      ...{ hardDeletes: false, generation: 1, syncId: 1 },
    } as never;
    const planned = await planTable(
      target,
      [],
      () => Promise.resolve([{ name: 'userid', type: 'VARCHAR' }]),
      { fold: caseFold, spell, sqlTypeOf: String, airbyteTypes: {} as never, reserved: [] },
    );
    expect(planned.columns).toEqual([{ field: 'userId', name: 'userid', type: 'VARCHAR' }]);
    expect(admits(planned.target, 'userId')).toBe(true);
    expect(admits(planned.target, 'other')).toBe(false);
  });

  test('text in a statement cannot end it', () => {
    expect(literal(`a'b\\'c`)).toBe(`'a''b\\\\''c'`);
    expect(quote('a"b')).toBe('"A""B"');
  });
});

describe('cells', () => {
  test.each<[type: string, json: string, text: string | null]>([
    ['VARCHAR', '"a\\nb"', 'a\nb'],
    ['VARCHAR(2)', '"😀é"', '😀é'],
    ['VARCHAR(2)', '"abc"', null],
    [
      'NUMBER(38,0)',
      '12345678901234567890123456789012345678',
      '12345678901234567890123456789012345678',
    ],
    ['NUMBER(38,0)', '123456789012345678901234567890123456789', null],
    ['NUMBER(38,2)', '1.005', null],
    ['FLOAT', '0.1', '0.1'],
    ['FLOAT', '12345678901234567890.12345', null],
    ['TIME', '"24:00:00"', null],
    ['TIME', '"23:59:59.123456789"', '23:59:59.123456'],
    ['TIMESTAMP_NTZ', '"2024-01-02T03:04:05"', '2024-01-02 03:04:05'],
    ['TIMESTAMP_TZ', '"2024-01-02T03:04:05+02:00"', '2024-01-02T01:04:05'],
    ['TIMESTAMP_TZ', '"2024-01-02 03:04:05.5Z"', '2024-01-02T03:04:05.5'],
    ['VARIANT', '[1.10,9007199254740993]', '[1.10,9007199254740993]'],
    [
      'VARIANT',
      '[12345678901234567890.123456789012345678]',
      '[12345678901234567890.123456789012345678]',
    ],
    // 39 digits, 38 after the point, and an exponent: kept as a double, which would round them.
    ['VARIANT', '[123456789012345678901234567890.123456789]', null],
    ['VARIANT', `[0.${'1'.repeat(38)}]`, null],
    ['VARIANT', '[1.2345678901234567890e5]', null],
    ['VARIANT', '[1e300,1.5e-7]', '[1e300,1.5e-7]'],
    ['BINARY(10)', '"ab"', null],
  ])('a %s takes %s as %s', (type, json, text) => {
    expect(cells.fitOf(type)(json)).toBe(text);
  });

  test('a text of more than 16 MiB does not fit', () => {
    const fit = cells.fitOf('VARCHAR');
    expect(fit(JSON.stringify('é'.repeat(8 * 1024 * 1024)))).not.toBeNull();
    expect(fit(JSON.stringify('é'.repeat(8 * 1024 * 1024 + 1)))).toBeNull();
  });

  test('a line tells no value, an empty text, quotes and newlines apart', () => {
    expect(line(['1', null, '', 'a"b\n,c'])).toBe('"1",,"","a""b\n,c"\n');
  });
});

test('types are told as they are made, also those of a person', () => {
  const described = ['VARCHAR(16777216)', 'TIMESTAMP_TZ(9)', 'NUMBER(38,0)', 'VARCHAR(10)'];
  expect(described.map(typeText)).toEqual([
    ...['VARCHAR', 'TIMESTAMP_TZ', 'NUMBER(38,0)', 'VARCHAR(10)'],
  ]);
});

test.each<[type: string, whole: number, scale: number, wider: string | null]>([
  ['FLOAT', 20, 18, 'NUMBER(38,18)'],
  ['FLOAT', 3, 3, 'NUMBER(38,19)'],
  ['FLOAT', 30, 9, null],
  ['NUMBER(38,19)', 25, 2, null],
  ['NUMBER(38,10)', 5, 12, 'NUMBER(38,23)'],
  ['NUMBER(38,0)', 39, 0, null],
  ['NUMBER(10,2)', 5, 5, null],
])('a %s that must hold %d and %d digits becomes %s', (type, whole, scale, wider) => {
  expect(widerType(type, { whole, scale })).toBe(wider);
});

test('a point in time is cast in UTC, whatever the session says', () => {
  expect(cast('"A"', 'TIMESTAMP_TZ')).toBe(`CAST(("A" || '+00:00') AS TIMESTAMP_TZ)`);
});
