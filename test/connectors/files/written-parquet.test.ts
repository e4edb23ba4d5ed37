import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import type { FilesTargetConfig } from '../../../connectors/files/index.ts';
import { streamId, type JsonObject } from '../../../protocol/index.ts';
import { checkpoint, epoch, failure, Sessions, stream, type TextRow } from '../harness.ts';
import { read } from './place.ts';
import { createFiles, type FilesHarness } from './written.ts';

let harness: FilesHarness;
let sessions: Sessions<FilesTargetConfig>;
const use = async (more: Partial<FilesTargetConfig> = {}): Promise<void> => {
  harness = await createFiles({ format: 'parquet', ...more });
  sessions = new Sessions(harness);
};
beforeEach(() => use());
afterEach(async () => {
  await sessions.close();
  await harness.drop();
});

const place = (name: string): string => join(harness.root, name);

/** What DuckDB says, every value as text; `$` is the place of the files of `orders`. */
async function ask(sql: string): Promise<readonly TextRow[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const handle = await instance.connect();
  try {
    await handle.run(`SET TimeZone = 'UTC'`);
    const found = await handle.runAndReadAll(
      `SELECT CAST(COLUMNS(*) AS VARCHAR) FROM (${sql.replaceAll('$', place('orders'))})`,
    );
    return found.getRowObjectsJson() as TextRow[];
  } finally {
    handle.closeSync();
    instance.closeSync();
  }
}

const orders = streamId({ name: 'orders' });
const typesOf = (): unknown => harness.manifests()[0]!.streams[orders]!.current!.types;
const small = (properties: JsonObject) =>
  stream('orders', 'append', { stream: { name: 'orders', json_schema: { properties } } });
const number: JsonObject = { type: 'number' };
const integer: JsonObject = { type: 'integer' };

/** Each call is a commit of its own, of the writer's first sync. */
async function loading(streams: ReturnType<typeof small>[]) {
  const { load } = await sessions.open({ streams });
  let seq = 0;
  return async (...data: string[]): Promise<number> => {
    seq += 1;
    return (await load('orders', data, checkpoint('orders', seq, seq))).nulled[orders]!;
  };
}

test('each kind has the type that Parquet’s readers expect, and Airbyte’s columns come last', async () => {
  const { load } = await sessions.open();
  await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
  expect(harness.listing()).toEqual(['orders/1-1000-1.parquet']);
  const found = await ask(`SELECT name, type, coalesce(logical_type, converted_type) AS says
    FROM parquet_schema('$/1-1000-1.parquet') OFFSET 1`);
  expect(found.map(({ name, type, says }) => [name, type, says?.split('(')[0]])).toEqual([
    ['id', 'INT64', 'INT_64'],
    ['name', 'BYTE_ARRAY', 'UTF8'],
    ['big', 'FIXED_LEN_BYTE_ARRAY', 'DecimalType'],
    ['price', 'DOUBLE', undefined],
    ['ok', 'BOOLEAN', undefined],
    ['day', 'INT32', 'DATE'],
    ['seen_at', 'INT64', 'TimestampType'],
    ['local', 'INT64', 'TimestampType'],
    ['clock', 'INT64', 'TimeType'],
    ['doc', 'BYTE_ARRAY', 'JsonType'],
    ['list', 'BYTE_ARRAY', 'JsonType'],
    ['_ab_cdc_deleted_at', 'BYTE_ARRAY', 'UTF8'],
    ['_airbyte_raw_id', 'BYTE_ARRAY', 'UTF8'],
    ['_airbyte_extracted_at', 'INT64', 'TimestampType'],
    ['_airbyte_meta', 'BYTE_ARRAY', 'JsonType'],
    ['_airbyte_generation_id', 'INT64', 'INT_64'],
  ]);
});

test.each([
  [undefined, 'ZSTD'],
  ['snappy', 'SNAPPY'],
  ['none', 'UNCOMPRESSED'],
] as const)('compression %s', async (compression, codec) => {
  await harness.drop();
  await use(compression === undefined ? {} : { compression });
  const load = await loading([small({ id: integer })]);
  await load('{"id":1}');
  const found = await ask(`SELECT DISTINCT compression FROM parquet_metadata('$/*.parquet')`);
  expect(found).toEqual([{ compression: codec }]);
});

test('files of one stream have the columns of their time, and are read as one by their names', async () => {
  const load = await loading([small({ id: integer })]);
  await load('{"id":1}');
  await load('{"id":2,"more":5,"nothing":null}', '{"id":3,"Id":"other"}');
  const added = { streams: [small({ id: integer, day: { type: 'string', format: 'date' } })] };
  const next = await sessions.open({ ...added, epoch: epoch(2) });
  const at = (seq: number) => checkpoint('orders', seq, seq, { epoch: epoch(2) });
  await next.load('orders', ['{"id":4,"day":"2024-02-29"}'], at(1));
  // What `more` was at first is its type.
  const receipt = await next.load('orders', ['{"id":5,"more":"many"}'], at(2));
  expect(receipt.nulled).toEqual({ orders: 1 });
  expect(typesOf()).toMatchObject({ id: 'BIGINT', more: 'BIGINT', day: 'DATE' });
  const { current } = harness.manifests()[0]!.streams[orders]!;
  const other = current!.columns.find((name) => /^Id_[0-9a-f]{8}$/.test(name))!;
  expect(current!.columns).toEqual(expect.arrayContaining(['id', 'more', 'day']));
  const found = await ask(
    `SELECT id, more, "${other}" AS other, day FROM read_parquet('$/*.parquet', union_by_name = true) ORDER BY id`,
  );
  expect(found.map((row) => Object.values(row))).toEqual([
    ['1', null, null, null],
    ['2', '5', null, null],
    ['3', null, 'other', null],
    ['4', null, null, '2024-02-29'],
    ['5', null, null, null],
  ]);
});

test('a number column becomes a decimal with the first number that a double would round, and stays it', async () => {
  const load = await loading([small({ id: integer, price: number })]);
  expect(await load('{"id":1,"price":0.1}')).toBe(0);
  expect(await load('{"id":2,"price":12345678901234567.25}', '{"id":3,"price":0.5}')).toBe(0);
  expect(typesOf()).toEqual({ id: 'BIGINT', price: 'DECIMAL(38,11)' });
  expect(await load('{"id":4,"price":7}')).toBe(0);
  // Other digits than this decimal has: no reader would have one column for both.
  expect(await load('{"id":5,"price":0.1234567890123456789}')).toBe(1);
  expect(
    await ask(`SELECT rtrim(price::VARCHAR, '0') AS price FROM '$/1-1000-2.parquet' ORDER BY id`),
  ).toEqual([{ price: '12345678901234567.25' }, { price: '0.5' }]);
  expect(
    await ask(`SELECT id, price FROM read_parquet('$/*.parquet', union_by_name = true)
      WHERE id IN (1, 4, 5) ORDER BY id`),
  ).toEqual([
    { id: '1', price: '0.1' },
    { id: '4', price: '7.0' },
    { id: '5', price: null },
  ]);
});

test('an integer column becomes a decimal with the first integer outside of 64 bits, not for a text', async () => {
  const load = await loading([small({ id: integer, price: number })]);
  expect(await load('{"id":"many","price":"much"}', '{"id":1.5,"price":[]}')).toBe(4);
  expect(typesOf()).toEqual({ id: 'BIGINT', price: 'DOUBLE' });
  expect(await load('{"id":9223372036854775808}', '{"id":-1}', '{"id":"x"}')).toBe(1);
  expect(typesOf()).toEqual({ id: 'DECIMAL(38,0)', price: 'DOUBLE' });
  expect(await load('{"id":1}')).toBe(0);
  expect(
    await ask(`SELECT id FROM read_parquet('$/*.parquet', union_by_name = true) ORDER BY id`),
  ).toEqual([...['-1', '1', '9223372036854775808', null, null, null].map((id) => ({ id }))]);
});

test('a large part becomes files of 64 MiB of records at most, and rows keep their order', async () => {
  const note = 'x'.repeat(4_000);
  const rows = 20_000;
  const load = await loading([small({ id: integer, note: { type: 'string' } })]);
  await load(...Array.from({ length: rows }, (_, id) => `{"id":${id},"note":"${note}"}`));
  const { files } = harness.manifests()[0]!.streams[orders]!.current!;
  expect(files.map(({ path }) => path)).toEqual([
    ...['orders/1-1000-1.parquet', 'orders/1-1000-1_2.parquet'],
  ]);
  expect(harness.listing()).toEqual(files.map(({ path }) => path));
  expect(harness.staged()).toEqual([]);
  // Half of it each, but for a piece of some MiB.
  for (const file of files) expect(Math.abs(file.rows - rows / 2)).toBeLessThan(1_000);
  expect(
    await ask(`SELECT count(*) AS n, bool_and(id = place) AS ordered
      FROM (SELECT id, file_row_number + CASE WHEN filename LIKE '%_2.parquet' THEN ${files[0]!.rows} ELSE 0 END AS place
        FROM read_parquet('$/*.parquet', file_row_number = true, filename = true))`),
  ).toEqual([{ n: String(rows), ordered: 'true' }]);
});

test('records that DuckDB cannot hold within its limit are a config error that names the limit', async () => {
  await harness.drop();
  await use({ memory_limit: '15MB' });
  const load = await loading([small({ note: { type: 'string' } })]);
  const note = 'x'.repeat(40_000);
  const error = await failure(load(...Array.from({ length: 1_500 }, () => `{"note":"${note}"}`)));
  expect(error).toMatchObject({
    ...{ kind: 'config_error', origin: 'destination', place: 'stream orders: memory_limit 15MB' },
    message: 'DuckDB ran out of its memory limit.',
  });
  expect(error.remedy).toContain('memory_limit');
  expect(harness.listing()).toEqual([]);
});

test('what a dead writer’s DuckDB left in staging is swept', async () => {
  const { load } = await sessions.open();
  await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
  expect(harness.staged()).toEqual([]);
  const { sealed } = await sessions.open({ epoch: epoch(1, 1001) });
  await sealed('orders', ['{"id":2}']);
  const name = harness.staged()[0]!;
  const spill = place(`_tidemark/staging/${name.replace(/parquet$/, 'records.spill')}`);
  mkdirSync(spill);
  writeFileSync(join(spill, 'duckdb_temp_storage_0.tmp'), 'rows');
  await sessions.open({ epoch: epoch(2) });
  expect(harness.staged()).toEqual([]);
});

test('a path with characters of a glob is a path', async () => {
  const path = join(harness.root, '../out[1]{a}*');
  sessions = new Sessions({ ...harness, config: { ...harness.config, path } });
  const load = await loading([small({ id: integer })]);
  expect(await load('{"id":1}')).toBe(0);
});

test('Tidemark’s own source reads what was written, value by value', async () => {
  const { load } = await sessions.open();
  const sent = {
    id: '9007199254740993',
    name: '"ü \\"😀\\""',
    big: '12345678901234567890123456789012345678',
    price: '12345678901234567.25',
    ok: 'true',
    day: '"2024-02-29"',
    seen_at: '"2024-03-01T12:00:00.123456Z"',
    local: '"2024-03-01T12:00:00"',
    clock: '"10:11:12"',
    doc: '{"a":[1.0,9007199254740993]}',
    list: '[1,null]',
  };
  const data = Object.entries(sent).map(([field, value]) => `"${field}":${value}`);
  await load('orders', [`{${data.join(',')}}`, '{"id":2}'], checkpoint('orders', 1, 1));
  const { records, end } = await read({ path: harness.root });
  expect(end?.failure ?? null).toBeNull();
  expect(records).toHaveLength(2);
  const [first, second] = records;
  // JSON columns are text to a reader of Parquet; trailing zeros are the decimal's.
  const arrives = {
    ...sent,
    price: '12345678901234567.25000000000',
    doc: JSON.stringify(sent.doc),
    list: JSON.stringify(sent.list),
  };
  for (const [field, value] of Object.entries(arrives))
    expect(first).toContain(`"${field}":${value},`);
  expect(second).toContain('"id":2,"name":null,');
});
