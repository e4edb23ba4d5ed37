import { streamNameOf } from '../../../connectors/kit/files-source/streams.ts';
import { filesSource } from '../../../connectors/files/index.ts';
import type { JsonObject } from '../../../protocol/index.ts';
import { never, openPlace, read, schemaOf, values, type Place } from './place.ts';

let place: Place;
beforeEach(() => {
  place = openPlace();
});
afterEach(() => place.drop());

test.each([
  ['orders.csv', 'orders'],
  ['orders-2024.csv', 'orders'],
  ['orders_2024-01-31.csv.gz', 'orders'],
  ['orders-20240131T235959Z.jsonl', 'orders'],
  ['orders.part-0003.parquet', 'orders'],
  ['orders 12.CSV', 'orders'],
  ['order_items-1.tsv', 'order_items'],
  ['v2.csv', 'v2'],
  ['2024.csv', '2024'],
  ['events/2024/01/x.ndjson.zst', 'events'],
  ['notes.txt', null],
  ['.orders.csv', null],
  ['.hidden/orders.csv', null],
])('without configured streams, %s belongs to %s', (name, stream) => {
  expect(streamNameOf(name)).toBe(stream);
});

test('tells each stream with its modes, its cursor and its key', async () => {
  place.write('orders-2024.csv', 'id,n\n1,2\n');
  place.write('events/a.jsonl', '{"id":1}\n');
  const { streams } = await filesSource.discover({ path: place.path }, never);
  expect(streams.map(({ name }) => name)).toEqual(['events', 'orders']);
  const config = {
    path: place.path,
    streams: [{ name: 'o', glob: 'orders-*.csv', primary_key: ['id', 'n'] }],
  };
  const [stream] = (await filesSource.discover(config, never)).streams;
  expect(stream).toMatchObject({
    name: 'o',
    supported_sync_modes: ['full_refresh', 'incremental'],
    source_defined_cursor: true,
    default_cursor_field: ['_ab_source_file_last_modified'],
    source_defined_primary_key: [['id'], ['n']],
    is_resumable: true,
  });
});

const nullable = (type: string, more: JsonObject = {}): JsonObject => ({
  type: ['null', type],
  ...more,
});

test('the schema is what all files hold: each value fits its column', async () => {
  const lines = [
    '{"i":1,"big":1,"n":1,"d":"2024-01-31","m":"2024-01-31","ts":"2024-01-31T10:00:00","tz":"2024-01-31 10:00+02","o":{},"l":[],"mix":1,"ol":{},"b":true,"never":null}',
    '{"i":-5,"big":9223372036854775808,"n":1.5,"d":"2024-02-30x","m":"2024-01-31T10:00","ts":"2024-01-31T10:00:00.123","tz":"2024-01-31T10:00:00Z","o":null,"l":[1],"mix":"x","ol":[],"b":false,"later":"x"}',
  ];
  place.write('s-1.jsonl', `${lines[0]}\n`, 1);
  place.write('s-2.jsonl', `${lines[1]}\n`, 2);
  expect(await schemaOf({ path: place.path })).toEqual({
    i: nullable('integer'),
    big: nullable('integer', { airbyte_type: 'big_integer' }),
    n: nullable('number'),
    d: nullable('string'),
    m: nullable('string', { format: 'date-time', airbyte_type: 'timestamp_without_timezone' }),
    ts: nullable('string', { format: 'date-time', airbyte_type: 'timestamp_without_timezone' }),
    tz: nullable('string', { format: 'date-time', airbyte_type: 'timestamp_with_timezone' }),
    o: nullable('object'),
    l: nullable('array'),
    mix: nullable('string'),
    ol: { type: ['null', 'object', 'array'] },
    b: nullable('boolean'),
    never: nullable('string'),
    later: nullable('string'),
  });
});

test('only what is sampled counts, and types in the config come first', async () => {
  for (let i = 0; i < 100; i += 1) place.write(`s-${i}.csv`, `n\n${i === 50 ? 'x' : i}\n`, i);
  expect(await schemaOf({ path: place.path })).toEqual({ n: nullable('integer') });
  const streams = [{ name: 's', glob: '*', types: { n: 'string' as const } }];
  expect(await schemaOf({ path: place.path, streams })).toEqual({ n: nullable('string') });
});

test.each([',', ';', '\t', '|'])('finds the delimiter %j', async (delimiter) => {
  const rows = ['id,name', '1,"a, b; c|d\te"', '2,x'].map((row) => row.split(/,(?=\w|")/));
  place.write('s.csv', rows.map((cells) => cells.join(delimiter)).join('\n'));
  expect(values(await read({ path: place.path }))).toEqual([
    { id: 1, name: 'a, b; c|d\te' },
    { id: 2, name: 'x' },
  ]);
});

test.each([
  ['names over numbers', 'id,name\n1,a\n', true],
  ['only text', 'name,city\nanna,rome\n', true],
  ['years as names', 'id,2023,2024\nx,5,6\ny,7,8\n', false],
  ['years as names beside a name', 'id,2023,2024\n1,5,6\n2,7,8\n', true],
  ['numbers over numbers', '1,a\n2,b\n', false],
  ['dates over dates', '2024-01-01,a\n2024-01-02,b\n', false],
  ['a header alone', 'id,name\n', true],
])('a header is found: %s', async (_, text, isHeader) => {
  place.write('s.csv', text);
  const columns = Object.keys(await schemaOf({ path: place.path }));
  const expected = isHeader
    ? text.split('\n')[0]!.split(',')
    : columns.map((_name, i) => `column${i + 1}`);
  expect([...columns].sort()).toEqual([...expected].sort());
});

test('how a stream is written is found once: a later file of one line is not taken for a header', async () => {
  place.write('s-1.csv', '1,a\n2,b\n', 1);
  const one = await read({ path: place.path });
  place.write('s-1.csv', 'x', 0);
  place.write('s-2.csv', 'anna,rome\n', 3);
  const two = await read(
    { path: place.path, streams: [{ name: 's', glob: 's-2.csv' }] },
    { state: one.states },
  );
  expect(values(two)).toEqual([{ column1: 'anna', column2: 'rome' }]);
});

test('names in the config mean that the first row is a record; false names columns by number', async () => {
  place.write('s.csv', 'a,b\nc,d\n');
  const readWith = async (header: boolean | string[]): Promise<JsonObject[]> =>
    values(await read({ path: place.path, streams: [{ name: 's', glob: '*', csv: { header } }] }));
  expect((await readWith(['x', 'y']))[0]).toEqual({ x: 'a', y: 'b' });
  expect((await readWith(false))[0]).toEqual({ column1: 'a', column2: 'b' });
  expect((await readWith(true))[0]).toEqual({ a: 'c', b: 'd' });
});

test('what a file is, is told by its bytes before its name', async () => {
  await place.sql(`COPY (SELECT 1 AS id) TO '$/a.csv' (FORMAT parquet)`);
  await place.sql(
    `COPY (SELECT range AS id, 'some text that repeats' AS t FROM range(2, 5000)) TO '$/b.data' (FORMAT csv, COMPRESSION zstd)`,
  );
  await place.sql(`COPY (SELECT 5000 AS id) TO '$/c.data' (FORMAT json, COMPRESSION gzip)`);
  const config = { path: place.path, streams: [{ name: 's', glob: '*' }] };
  const ids = values(await read(config)).map(({ id }) => id);
  expect([...ids].sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 5_000 }, (_, i) => i + 1),
  );
});

test('a file that cannot be read adds nothing to the schema and keeps no other stream from being told', async () => {
  place.write('bad.csv', 'a,a\n1,2\n');
  place.write('good.csv', 'id\n1\n');
  const { streams } = await filesSource.discover({ path: place.path }, never);
  expect(streams.map(({ name }) => name)).toEqual(['bad', 'good']);
});
