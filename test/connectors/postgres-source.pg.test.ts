import { postgresSource, type PostgresSourceConfig } from '../../connectors/postgres/index.ts';
import type { Stream } from '../../protocol/index.ts';
import { failure, never } from './harness.ts';
import {
  failureOf,
  openPostgresPlace,
  roleIn,
  type PostgresPlace,
} from './postgres-source-harness.ts';

let place: PostgresPlace;
beforeEach(async () => {
  place = await openPostgresPlace();
});
afterEach(() => place.database.drop());

const discover = async (config: PostgresSourceConfig): Promise<readonly Stream[]> =>
  (await postgresSource.discover(config, never)).streams;
const names = (streams: readonly Stream[]): string[] =>
  streams.map(({ name, namespace }) => `${namespace}.${name}`);
const check = (config: PostgresSourceConfig): Promise<unknown> =>
  postgresSource.check(config, never);

test('offers tables, partitioned ones as one, views and foreign tables, of all schemas but the system’s, or of those named', async () => {
  await place.sql(`CREATE SCHEMA "Verkauf"`);
  await place.sql(
    `CREATE TABLE "Verkauf"."Bestellungen ""neu""" (a int, b text, c jsonb, PRIMARY KEY (b, a))`,
  );
  await place.sql(
    `CREATE TABLE p (id int, at timestamptz, PRIMARY KEY (id)) PARTITION BY HASH (id)`,
  );
  await place.sql(`CREATE TABLE p0 PARTITION OF p FOR VALUES WITH (MODULUS 1, REMAINDER 0)`);
  await place.sql(`CREATE VIEW v AS SELECT '{}'::jsonb AS x`);
  await place.sql(`CREATE MATERIALIZED VIEW m AS SELECT 1 AS x`);
  await place.sql(`CREATE EXTENSION postgres_fdw`);
  await place.sql(`CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw`);
  await place.sql(`CREATE FOREIGN TABLE f (x jsonb) SERVER elsewhere`);
  await place.sql(`CREATE TABLE _tidemark_checkpoints (a int)`);
  await place.sql(`CREATE EXTENSION pg_stat_statements`); // brings views
  const all = await discover(place.config);
  expect(names(all)).toEqual([
    'Verkauf.Bestellungen "neu"',
    'public.f',
    'public.m',
    'public.p',
    'public.v',
  ]);
  const modes = ['full_refresh', 'incremental'];
  expect(all).toMatchObject([
    { supported_sync_modes: modes, source_defined_primary_key: [['b'], ['a']], is_resumable: true },
    { supported_sync_modes: ['full_refresh'], is_resumable: false },
    { supported_sync_modes: modes, is_resumable: false },
    { supported_sync_modes: modes, source_defined_primary_key: [['id']], is_resumable: true },
    { supported_sync_modes: ['full_refresh'], is_resumable: false },
  ]);
  expect(all[1]).not.toHaveProperty('source_defined_primary_key');
  expect(names(await discover({ ...place.config, schemas: ['Verkauf'] }))).toEqual([names(all)[0]]);
});

test('columns keep their names, whatever those are; generated ones are read, dropped ones are not', async () => {
  const nasty = ['a"b', "it's", 'é漢🐘', 'select', 'a\\b', '__proto__', 'ctid_', 'x\ny', '$1'];
  const columns = nasty.map((name) => `"${name.replaceAll('"', '""')}" int DEFAULT 1`);
  await place.sql(
    `CREATE TABLE "s'\\" (${columns.join(', ')}, gone int, double int GENERATED ALWAYS AS (2 * "select") STORED)`,
  );
  await place.sql(`ALTER TABLE "s'\\" DROP COLUMN gone`);
  await place.sql(`INSERT INTO "s'\\" DEFAULT VALUES`);
  const [stream] = await discover(place.config);
  expect(Object.keys(stream!.json_schema['properties'] as object)).toEqual([...nasty, 'double']);
  const { records } = await place.read();
  const entries = [...nasty.map((name) => [name, 1]), ['double', 2]] as const;
  expect(records).toEqual([
    `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`,
  ]);
});

test('columns that are not chosen do not leave the server', async () => {
  await place.sql(`CREATE TABLE t (id int, secret text, at int)`);
  await place.sql(`INSERT INTO t VALUES (1, 'x', 2)`);
  const { streams } = await postgresSource.discover(place.config, never);
  const { secret: _, ...kept } = streams[0]!.json_schema['properties'] as Record<string, never>;
  const stream = { ...streams[0]!, json_schema: { type: 'object', properties: kept } };
  const bytes: string[] = [];
  for await (const item of postgresSource.read({
    ...{ config: place.config, state: [], drain: never, abort: never, accepts: () => ['jsonl'] },
    catalog: {
      streams: [
        {
          ...{ stream, sync_mode: 'incremental', cursor_field: ['at'], sync_id: 1 },
          ...{ destination_sync_mode: 'append', generation_id: 0, minimum_generation_id: 0 },
        },
      ],
    },
    checkpoints: { async *[Symbol.asyncIterator]() {} },
  }))
    if (item.type === 'BLOCK') bytes.push(Buffer.from(item.bytes).toString());
  expect(bytes.join()).toContain('"data":{"id":1,"at":2}');
});

test('only what the user may read is offered, and it reads no more than that', async () => {
  await place.sql(`CREATE TABLE open (id int, at int)`);
  await place.sql(`CREATE TABLE closed (id int)`);
  await place.sql(`CREATE TABLE partly (id int, secret int, PRIMARY KEY (id, secret))`);
  await place.sql(`INSERT INTO partly VALUES (1, 2)`);
  const config = await roleIn(
    place,
    `GRANT SELECT ON open TO $`,
    `GRANT SELECT (id) ON partly TO $`,
  );
  const streams = await discover(config);
  expect(names(streams)).toEqual(['public.open', 'public.partly']);
  expect(streams[1]).toMatchObject({
    ...{ is_resumable: false, json_schema: { properties: { id: {} } } },
  });
  expect(streams[1]).not.toHaveProperty('source_defined_primary_key');
  const { records, end } = await place.read({ config });
  expect([records, end!.failure]).toEqual([['{"id":1}'], null]);
  await expect(check(config)).resolves.toBeUndefined();
});

test('check tells the grants that are missing', async () => {
  await place.sql(`CREATE SCHEMA sales`);
  await place.sql(`CREATE TABLE sales.orders (id int)`);
  const config = await roleIn(place);
  expect(await failure(check(config))).toMatchObject({
    ...{ kind: 'config_error', origin: 'source', message: 'The Postgres user may read no table.' },
    place: expect.stringContaining('sales.orders') as string,
    remedy: expect.stringMatching(
      /^Run: GRANT USAGE ON SCHEMA "sales" TO "reader_\w+"; GRANT SELECT ON ALL TABLES IN SCHEMA "sales" TO "reader_\w+";$/,
    ) as string,
  });
  expect(await failure(check({ ...config, schemas: ['sales'] }))).toMatchObject({
    ...{ kind: 'config_error', place: 'schemas: sales' },
    remedy: expect.stringMatching(/^Run: GRANT USAGE ON SCHEMA "sales"/) as string,
  });
  expect(await failure(check({ ...config, schemas: ['nowhere'] }))).toMatchObject({
    ...{ kind: 'config_error', message: 'There is no such schema.' },
  });
});

test('a table that is gone, or that may not be read any more, fails its stream with the grant; the others are read', async () => {
  await place.sql(`CREATE TABLE a (id int)`);
  await place.sql(`CREATE TABLE b (id int)`);
  await place.sql(`INSERT INTO b VALUES (1)`);
  const { streams } = await postgresSource.discover(place.config, never);
  await place.sql(`DROP TABLE a`);
  const outcome = await place.read({ catalog: { streams } });
  expect(outcome.records).toEqual(['{"id":1}']);
  expect(failureOf(outcome)).toMatchObject({
    ...{ kind: 'config_error', stream: 'public/a' },
    remedy: expect.stringContaining('GRANT SELECT') as string,
  });
  expect(outcome.end!.statuses).toEqual({ 'public/a': 'INCOMPLETE', 'public/b': 'COMPLETE' });
});

test('ten thousand columns and a thousand tables are offered in a moment', async () => {
  await place.sql(
    `DO $$ BEGIN FOR i IN 1..1000 LOOP
       EXECUTE format('CREATE TABLE many_%s (id int, a text, b text, c numeric, d date, e json, f int[], g bool, h uuid, i bytea)', i);
     END LOOP; END $$`,
  );
  const streams = await discover(place.config);
  expect(streams).toHaveLength(1_000);
});
