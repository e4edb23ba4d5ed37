import { lineOf } from '../../connectors/bigquery/stage.ts';
import { quoteName, tableIn, tableSql } from '../../connectors/bigquery/names.ts';
import {
  castSql,
  comparableSql,
  fitOf,
  isCut,
  losesWidenedSql,
  typeText,
  widenedSql,
  widerType,
} from '../../connectors/bigquery/types.ts';
import { caseFold, claimNames, hashedName } from '../../connectors/kit/identifiers.ts';

test.each([
  ['INT64', '9223372036854775807', '9223372036854775807'],
  ['INT64', '9223372036854775808', null],
  ['INT64', '1e3', '1000'],
  [
    'BIGNUMERIC',
    '12345678901234567890123456789012345678',
    '12345678901234567890123456789012345678',
  ],
  ['BIGNUMERIC', `1e-38`, `0.${'0'.repeat(37)}1`],
  ['BIGNUMERIC', '1e-39', null],
  ['BIGNUMERIC', '1e38', null],
  ['NUMERIC', '12345678901234567890123456789.123456789', '12345678901234567890123456789.123456789'],
  ['NUMERIC', '0.1234567891', null],
  ['NUMERIC(10,2)', '12345678.91', '12345678.91'],
  ['NUMERIC(10,2)', '123456789.91', null],
  ['FLOAT64', '0.10', '0.1'],
  ['FLOAT64', '0.12345678901234567891', null],
  ['STRING', '"a\\u00e9"', 'aé'],
  ['STRING(2)', '"abc"', null],
  ['STRING(2)', '"😀b"', '😀b'],
  ['BOOL', '"true"', 'true'],
  ['BOOL', '1', null],
  ['DATE', '"2024-02-29"', '2024-02-29'],
  ['DATE', '"2023-02-29"', null],
  ['DATETIME', '"2024-03-01T12:00:00.1234567"', '2024-03-01 12:00:00.123456'],
  ['TIMESTAMP', '"2024-03-01T12:00:00+02:00"', '2024-03-01 10:00:00'],
  ['TIMESTAMP', '"0001-01-01T00:00:00+02:00"', null],
  ['TIME', '"23:59:59.999999"', '23:59:59.999999'],
  ['TIME', '"24:00:00"', null],
  [
    'JSON',
    '{"a":[18446744073709551615,-9223372036854775808,1.5e300]}',
    '{"a":[18446744073709551615,-9223372036854775808,1.5e300]}',
  ],
  ['JSON', '{"a":18446744073709551617}', null],
  // It would keep the first.
  ['JSON', '{"a":1,"b":[{"c":1.50,"\\u0063":2}],"a":3}', '{"a":3,"b":[{"\\u0063":2}]}'],
  ['JSON', '{"a":12345678901234567890.5}', null],
  ['JSON', '{"a":"12345678901234567890.5"}', '{"a":"12345678901234567890.5"}'],
  ['JSON', `${'['.repeat(500)}${']'.repeat(500)}`, `${'['.repeat(500)}${']'.repeat(500)}`],
  ['JSON', `${'['.repeat(501)}${']'.repeat(501)}`, null],
  ['GEOGRAPHY', '"POINT(1 2)"', null],
  ['ARRAY<STRING>', '["a"]', null],
])('a %s takes %s as %s', (type, json, text) => {
  expect(fitOf(type)(json)).toBe(text);
});

test('what the API says of a column is its type in SQL', () => {
  const types = [
    { name: 'a', type: 'INTEGER' },
    { name: 'b', type: 'FLOAT', mode: 'NULLABLE' },
    { name: 'c', type: 'NUMERIC', precision: '10', scale: '2' },
    { name: 'd', type: 'STRING', maxLength: '20' },
    { name: 'e', type: 'BOOLEAN', mode: 'REPEATED' },
    { name: 'f', type: 'RECORD' },
  ].map(typeText);
  expect(types).toEqual([
    ...['INT64', 'FLOAT64', 'NUMERIC(10,2)', 'STRING(20)', 'ARRAY<BOOL>', 'STRUCT'],
  ]);
});

test('numbers become wider only where all of their digits are kept', () => {
  expect(widerType('FLOAT64', { whole: 20, scale: 18 })).toBe('BIGNUMERIC');
  expect(widerType('FLOAT64', { whole: 39, scale: 0 })).toBeNull();
  expect(widerType('INT64', { whole: 30, scale: 0 })).toBe('BIGNUMERIC');
  expect(widerType('INT64', { whole: 3, scale: 1 })).toBeNull();
  expect(widerType('BIGNUMERIC', { whole: 3, scale: 1 })).toBeNull();
  expect(widenedSql('`f`', 'FLOAT64')).toBe('CAST(CAST(`f` AS STRING) AS BIGNUMERIC)');
  expect(losesWidenedSql('`f`', 'INT64')).toBeNull();
});

test('statements and lines are spelled as Google’s reference has them', () => {
  expect(castSql('`j`', 'JSON')).toBe("PARSE_JSON(`j`, wide_number_mode=>'round')");
  expect(castSql('`s`', 'STRING')).toBe('`s`');
  // In UTC, whatever zone the project has for times without one.
  expect(castSql('`t`', 'TIMESTAMP')).toBe("CAST(`t` || '+00' AS TIMESTAMP)");
  expect(comparableSql('`j`', 'JSON')).toBe('TO_JSON_STRING(`j`)');
  expect(comparableSql('`f`', 'FLOAT64')).toBe('CAST(`f` AS STRING)');
  expect(isCut('TIMESTAMP', '"2024-03-01T12:00:00.1234567Z"')).toBe(true);
  expect(lineOf(['a', 'b "c"', 'd'], ['1\n', null, '😀'])).toBe('{"a":"1\\n","d":"😀"}\n');
  const place = { projectId: 'shop', datasetId: 'raw', tableId: 'a`b\\c' };
  expect(quoteName(place.tableId)).toBe('`a\\`b\\\\c`');
  expect(tableIn(tableSql(place))).toEqual(place);
});

test('a name that BigQuery has not becomes one that it has, and keeps its own hash', () => {
  const wanted = [
    'order-id',
    'prix €',
    'a.b',
    '_PARTITIONTIME',
    '_table_x',
    '_change_type',
    '_CHANGE_TIMESTAMP_x',
    'naïve',
    ' x',
    'Name',
    'name',
  ];
  const names = claimNames(wanted, { fold: caseFold, existing: [], reserved: [], narrow: 'words' });
  for (const [want, name] of names) {
    expect(name).toMatch(/^[\p{L}\p{M}\p{N}\p{Pc}\p{Pd}][\p{L}\p{M}\p{N}\p{Pc}\p{Pd} ]*$/u);
    expect(name).not.toMatch(/^(_TABLE_|_PARTITION|_CHANGE_)/i);
    expect([want, hashedName(want, 'words')]).toContain(name);
  }
  expect([...names.values()].slice(0, 3)).toEqual([
    'order-id',
    expect.stringMatching(/^prix ?_\w{8}$/),
    expect.stringMatching(/^ab_\w{8}$/),
  ]);
  expect(names.get('naïve')).toBe('naïve');
  expect(new Set([...names.values()].map(caseFold)).size).toBe(wanted.length);
});
