import { setImmediate } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import type { CsvConfig } from '../../../connectors/kit/files-source/config.ts';
import { filesSource } from '../../../connectors/files/index.ts';
import { inputOf, openPlace, read, schemaOf, values, type Place } from './place.ts';

let place: Place;
beforeEach(() => {
  place = openPlace();
});
afterEach(() => place.drop());

const decimal = '12345678901234567890123456789012345.678';

test('a JSONL line goes on as it is written, with our two columns after it', async () => {
  place.write(
    'dir/s.jsonl',
    `{"big": 9007199254740993,\t"d":${decimal},"f":1.0,"e":1E+2,"t":"\\u00e9é\\n\\u0000\\ud83d","o":{"x":[1.50]}}\r\n\n  {}  \n`,
    1_700_000_000.5,
  );
  const { records } = await read({ path: place.path });
  const own = `"_ab_source_file_last_modified":"2023-11-14T22:13:20.500000Z","_ab_source_file_url":"dir/s.jsonl"}`;
  expect(records).toEqual([
    `dir {"big": 9007199254740993,\t"d":${decimal},"f":1.0,"e":1E+2,"t":"\\u00e9é\\n\\u0000\\ud83d","o":{"x":[1.50]},${own}`,
    `dir {${own}`,
  ]);
});

test('a record that has our columns itself keeps its own', async () => {
  place.write('s.jsonl', '{"_ab_source_file_url":"elsewhere"}\n');
  const { records } = await read({ path: place.path });
  expect(records).toEqual(['s {"_ab_source_file_url":"elsewhere"}']);
});

test('CSV cells keep their digits and their text', async () => {
  place.write(
    's.csv',
    `﻿id,big,d,f,zip,ok,at,note\r\n` +
      `1,9007199254740993,${decimal},1.50,007,TRUE,2024-01-02T03:04:05Z,"a ""quoted"", b\nc"\r\n` +
      `-2,99999999999999999999,1,1e3,12345,false,,"NUL \u0000 tab\t é 漢"\r\n`,
  );
  const { records } = await read({ path: place.path });
  const data = records.map((record) => record.slice(3, record.indexOf(',"_ab_')));
  expect(data).toEqual([
    `"id":1,"big":9007199254740993,"d":${decimal},"f":1.50,"zip":"007","ok":true,"at":"2024-01-02T03:04:05Z","note":"a \\"quoted\\", b\\nc"`,
    `"id":-2,"big":99999999999999999999,"d":1,"f":1e3,"zip":"12345","ok":false,"at":null,"note":"NUL \\u0000 tab\\t é 漢"`,
  ]);
  expect(await schemaOf({ path: place.path })).toEqual({
    id: { type: ['null', 'integer'] },
    big: { type: ['null', 'integer'], airbyte_type: 'big_integer' },
    d: { type: ['null', 'number'] },
    f: { type: ['null', 'number'] },
    zip: { type: ['null', 'string'] },
    ok: { type: ['null', 'boolean'] },
    at: { type: ['null', 'string'], format: 'date-time', airbyte_type: 'timestamp_with_timezone' },
    note: { type: ['null', 'string'] },
  });
});

test('an empty cell is null, an empty cell in quotes is empty text; a number has no empty text', async () => {
  place.write('s.csv', 't,n\n,\n"",""\nx,1\nNA,2\n"NA",3\n');
  expect(values(await read({ path: place.path }))).toEqual([
    { t: null, n: null },
    { t: '', n: null },
    { t: 'x', n: 1 },
    { t: 'NA', n: 2 },
    { t: 'NA', n: 3 },
  ]);
  const csv = { null_values: ['NA', '-'] };
  expect(
    values(await read({ path: place.path, streams: [{ name: 's', glob: '*', csv }] })),
  ).toEqual([
    { t: '', n: null },
    { t: '', n: null },
    { t: 'x', n: 1 },
    { t: null, n: 2 },
    { t: 'NA', n: 3 },
  ]);
});

test('what does not fit the type that the sample had goes on as text', async () => {
  place.write('s.csv', 'n\n1\n', 1);
  place.write('s-2.csv', 'n\n2\n', 2);
  const config = {
    path: place.path,
    streams: [{ name: 's', glob: '*', types: { n: 'integer' as const } }],
  };
  place.write('s-3.csv', 'n\nabc\n0x1F\n007\n', 3);
  expect(values(await read(config))).toEqual([1, 2, 'abc', '0x1F', '007'].map((n) => ({ n })));
});

test('a cell that holds a JSON object is one where its column says so', async () => {
  place.write('s.csv', 'o\n"{""a"":\n1.0}"\n[1\n');
  const streams = [{ name: 's', glob: '*', types: { o: 'object' as const } }];
  const { records } = await read({ path: place.path, streams });
  expect(records.map((record) => record.slice(3, record.indexOf(',"_ab_')))).toEqual([
    '"o":{"a": 1.0}',
    '"o":"[1"',
  ]);
});

test('other encodings become UTF-8, in names too', async () => {
  place.write('s.csv', Buffer.from('name;größe\nJürgen;5\nAnna;6\n', 'latin1'));
  const streams = [{ name: 's', glob: '*', csv: { encoding: 'windows-1252' } }];
  expect(values(await read({ path: place.path, streams }))).toEqual([
    { name: 'Jürgen', größe: 5 },
    { name: 'Anna', größe: 6 },
  ]);
});

/** Any text in any cell. */
const text = fc.string({ unit: 'binary', maxLength: 12 });

test('any table that is written as CSV reads back as it was', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 4 }).chain((columns) =>
        fc.array(fc.array(fc.option(text), { minLength: columns, maxLength: columns }), {
          minLength: 1,
          maxLength: 8,
        }),
      ),
      fc.constantFrom(',', ';', '\t', '|', ':'),
      fc.constantFrom('"', "'"),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      async (rows, delimiter, quote, newline, quotesAll) => {
        const width = rows[0]!.length;
        const written = (cell: string | null): string => {
          if (cell === null) return '';
          const isPlain = /^[a-z0-9 ]+$/i.test(cell) && !quotesAll;
          return isPlain ? cell : quote + cell.replaceAll(quote, quote + quote) + quote;
        };
        const header = Array.from({ length: width }, (_, i) => `c${i}`);
        const lines = [header, ...rows.map((row) => row.map(written))];
        place.write('s.csv', lines.map((cells) => cells.join(delimiter)).join(newline));
        const csv: CsvConfig = { delimiter, quote, header: true };
        const types = Object.fromEntries(header.map((name) => [name, 'string' as const]));
        const config = { path: place.path, streams: [{ name: 's', glob: '*', csv, types }] };
        const sound = rows.map((row) =>
          Object.fromEntries(
            // Half a surrogate pair is no text that a file could hold.
            row.map((cell, i) => [`c${i}`, cell === null ? null : Buffer.from(cell).toString()]),
          ),
        );
        expect(values(await read(config))).toEqual(sound);
      },
    ),
    { numRuns: 300 },
  );
});

test('Parquet values are exact, nested ones too', async () => {
  await place.sql(
    `COPY (SELECT 9007199254740993::BIGINT AS i, 170141183460469231731687303715884105727::HUGEINT AS h,
       18446744073709551615::UBIGINT AS u, 12345678901234567890123456789.123456789::DECIMAL(38, 9) AS d,
       0.1::FLOAT AS f, 0.1::DOUBLE AS g, 'nan'::DOUBLE AS nan, true AS ok, NULL::INTEGER AS none,
       DATE '2024-02-29' AS day, TIME '01:02:03.5' AS clock, TIMESTAMP '2024-01-01 01:02:03.456789' AS ts,
       TIMESTAMPTZ '2024-01-01 01:02:03+02' AS tz, TIMESTAMP_NS '2024-01-01 00:00:00.123456789' AS ns,
       '\\x00\\xFF'::BLOB AS bytes, 'é"' || chr(10) || chr(0) AS t, [1.50::DECIMAL(5,2), NULL] AS l,
       {'a': 9007199254740993::BIGINT, 'b': [{'c': TIMESTAMP '2024-01-01 00:00:00'}]} AS s,
       MAP {'k"': 2::HUGEINT} AS m, '123e4567-e89b-12d3-a456-426614174000'::UUID AS id) TO '$/s.parquet' (FORMAT parquet)`,
  );
  const { records } = await read({ path: place.path });
  const data = records[0]!.slice(2, records[0]!.indexOf(',"_ab_'));
  expect(`${data}}`).toBe(
    `{${[
      '"i":9007199254740993',
      // Parquet has no such integers: DuckDB writes a double.
      '"h":1.7014118346046923e+38',
      '"u":18446744073709551615',
      '"d":12345678901234567890123456789.123456789',
      '"f":0.1',
      '"g":0.1',
      '"nan":"NaN"',
      '"ok":true',
      '"none":null',
      '"day":"2024-02-29"',
      '"clock":"01:02:03.5"',
      '"ts":"2024-01-01T01:02:03.456789"',
      '"tz":"2023-12-31T23:02:03Z"',
      '"ns":"2024-01-01T00:00:00.123456789"',
      '"bytes":"AP8="',
      '"t":"é\\"\\n\\u0000"',
      '"l":[1.50,null]',
      '"s":{"a":9007199254740993,"b":[{"c":"2024-01-01T00:00:00"}]}',
      '"m":{"k\\"":2}',
      '"id":"123e4567-e89b-12d3-a456-426614174000"',
    ].join(',')}}`,
  );
  expect(await schemaOf({ path: place.path })).toMatchObject({
    i: { type: ['null', 'integer'] },
    u: { airbyte_type: 'big_integer' },
    d: { type: ['null', 'number'] },
    day: { format: 'date' },
    ts: { airbyte_type: 'timestamp_without_timezone' },
    tz: { airbyte_type: 'timestamp_with_timezone' },
    l: { type: ['null', 'array'] },
    s: { type: ['null', 'object'] },
    m: { type: ['null', 'object'] },
    bytes: { type: ['null', 'string'] },
  });
});

test('Parquet values stay what they are while a slow destination is waited for', async () => {
  const rows = 8;
  const texts = (letter: string): string =>
    `SELECT repeat('${letter}' || n, 500000) AS t FROM range(${rows}) r(n)`;
  await place.sql(`COPY (${texts('a')}) TO '$/s.parquet' (FORMAT parquet)`);
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const config = { path: place.path, checkpoint_records: 1 };
  const lines: string[] = [];
  for await (const item of filesSource.read(await inputOf(config))) {
    if (item.type !== 'BLOCK') continue;
    lines.push(Buffer.from(item.bytes).toString());
    collect();
    await setImmediate();
    // Takes memory that was freed, were it freed.
    if (lines.length === 1) await place.sql(`CREATE TABLE t AS ${texts('z')}`);
  }
  expect(lines.map((line) => /"t":"((?:a\d)+)"/.exec(line)?.[1]!.length)).toEqual(
    Array.from({ length: rows }, () => 1_000_000),
  );
});
