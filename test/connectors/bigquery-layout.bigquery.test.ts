import type { ConfiguredStream } from '../../protocol/index.ts';
import type { BigQueryConfig } from '../../connectors/bigquery/index.ts';
import { likeSql } from '../../connectors/bigquery/table-options.ts';
import { createBigQuery } from './bigquery-harness.ts';
import type { TestBigQuery } from '../support/bigquery.ts';
import { done, overwritten } from './conformance-replace.ts';
import { checkpoint, epoch, failure, Sessions, stream } from './harness.ts';

// Partitions and clustering, as tables.get tells them. On the emulator, which refuses a copy between tables that have others, as Google's "Copy a
// partitioned table" says.

let harness: Awaited<ReturnType<typeof createBigQuery>>;
let bigquery: TestBigQuery;
let config: BigQueryConfig;
let open: Sessions<BigQueryConfig>[];
beforeEach(async () => {
  harness = await createBigQuery();
  ({ bigquery } = harness);
  config = { ...bigquery.config, partition_by_day: true };
  open = [];
});
afterEach(async () => {
  for (const sessions of open) await sessions.close();
  await harness.drop();
});

const byDay = { timePartitioning: { type: 'DAY', field: '_airbyte_extracted_at' } };
const byId = { clustering: { fields: ['id'] } };

/** The whole of a sync by this config. */
async function sync(
  of: BigQueryConfig,
  syncNo: number,
  streams: readonly ConfiguredStream[],
  lines: readonly string[],
): Promise<void> {
  const sessions = new Sessions({ ...harness, config: of });
  open.push(sessions);
  const { load } = await sessions.open({ streams, epoch: epoch(syncNo) });
  const at = { epoch: epoch(syncNo) };
  const isWhole = streams[0]!.destination_sync_mode === 'overwrite';
  await load('orders', lines, isWhole ? done(syncNo) : checkpoint('orders', syncNo, syncNo, at));
}
const dedup = [stream('orders', 'append_dedup')];
const layout = async () => {
  const { timePartitioning, rangePartitioning, clustering } = await bigquery.tableOf('orders');
  return {
    ...(timePartitioning && { timePartitioning }),
    ...(rangePartitioning && { rangePartitioning }),
    ...(clustering && { clustering }),
  };
};
const ids = async () =>
  (await bigquery.query(`SELECT id FROM ${config.dataset}.orders ORDER BY id`)).map(({ id }) => id);

test('a table is made with the partitions and clustering that the config wants, and keeps them when it gets columns or wider ones', async () => {
  await sync(config, 1, dedup, ['{"id":1,"price":1.5}']);
  expect(await layout()).toEqual({ ...byDay, ...byId });
  await sync(config, 2, dedup, ['{"id":2,"more":true}']);
  expect(await layout()).toEqual({ ...byDay, ...byId });
  await sync(config, 3, dedup, ['{"id":3,"price":0.12345678901234567890123}']);
  const { schema } = await bigquery.tableOf('orders');
  expect(schema.fields.find(({ name }) => name === 'price')?.type).toBe('BIGNUMERIC');
  expect(await layout()).toEqual({ ...byDay, ...byId });
  expect(await ids()).toEqual(['1', '2', '3']);
});

test('without either, and for a stream without a key, it has none', async () => {
  const plain = { ...config, partition_by_day: false };
  await sync(plain, 1, [stream('orders')], ['{"id":1}']);
  expect(await layout()).toEqual({});
});

test('an overwrite keeps those of the table, whatever the config says by now', async () => {
  await sync(config, 1, [overwritten(1)], ['{"id":1}']);
  expect(await layout()).toEqual(byDay);
  const other = { ...config, partition_by_day: false };
  await sync(other, 2, [overwritten(2)], ['{"id":2}']);
  expect(await layout()).toEqual(byDay);
  expect(await ids()).toEqual(['2']);
});

test('a person’s own stay, through overwrites and wider columns', async () => {
  await sync(config, 1, [overwritten(1)], ['{"id":1}']);
  await remade('PARTITION BY TIMESTAMP_TRUNC(seen_at, HOUR) CLUSTER BY name, id');
  const told = {
    timePartitioning: { type: 'HOUR', field: 'seen_at' },
    clustering: { fields: ['name', 'id'] },
  };
  await sync(config, 2, [overwritten(2)], ['{"id":2,"price":0.12345678901234567890123}']);
  expect(await layout()).toEqual(told);
  expect(await ids()).toEqual(['2']);
});

const fields = ['day DATE', 'at TIMESTAMP', 'local DATETIME', 'id INTEGER'].map((one) => {
  const [name, type] = one.split(' ') as [string, string];
  return { name, type };
});
test.each([
  [{}, ''],
  [{ timePartitioning: { type: 'DAY' } }, 'PARTITION BY _PARTITIONDATE'],
  [{ timePartitioning: { type: 'HOUR' } }, 'PARTITION BY TIMESTAMP_TRUNC(_PARTITIONTIME, HOUR)'],
  [{ timePartitioning: { type: 'DAY', field: 'day' } }, 'PARTITION BY `day`'],
  [{ timePartitioning: { type: 'MONTH', field: 'day' } }, 'PARTITION BY DATE_TRUNC(`day`, MONTH)'],
  [{ timePartitioning: { type: 'DAY', field: 'at' } }, 'PARTITION BY TIMESTAMP_TRUNC(`at`, DAY)'],
  [
    { timePartitioning: { type: 'YEAR', field: 'local' } },
    'PARTITION BY DATETIME_TRUNC(`local`, YEAR)',
  ],
  [
    {
      rangePartitioning: { field: 'id', range: { start: '0', end: '100', interval: '10' } },
      clustering: { fields: ['day', 'ID'] },
    },
    'PARTITION BY RANGE_BUCKET(`id`, GENERATE_ARRAY(0, 100, 10)) CLUSTER BY `day`, `ID`',
  ],
])('%j is written as %p', (resource, sql) => {
  const definitions = fields.map(({ name, type }) => `\`${name}\` ${type}`);
  expect(likeSql({ schema: { fields }, ...resource }, 'd.t', definitions)).toBe(sql);
});

test('of a table with partitions by a column that the stream does not have a person is told', async () => {
  await sync(config, 1, [overwritten(1)], ['{"id":1}']);
  await remade('PARTITION BY own', ', own DATE');
  const error = await failure(sync(config, 2, [overwritten(2)], ['{"id":2}']));
  expect([error.kind, error.place]).toEqual(['config_error', `${config.dataset}.orders: own`]);
  expect(await ids()).toEqual([]);
});

/** As a person would: the table anew, with the same columns. */
async function remade(own: string, more = ''): Promise<void> {
  const { schema } = await bigquery.tableOf('orders');
  const types: Readonly<Record<string, string>> = {
    INTEGER: 'INT64',
    FLOAT: 'FLOAT64',
    BOOLEAN: 'BOOL',
  };
  const columns = schema.fields.map(({ name, type }) => `${name} ${types[type] ?? type}`);
  await bigquery.query(`DROP TABLE ${config.dataset}.orders`);
  await bigquery.query(
    `CREATE TABLE ${config.dataset}.orders (${columns.join(', ')}${more}) ${own}`,
  );
}
