import { openCluster, sourceUrlVariable, untilView, type Cluster } from '../support/cluster.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { eventually } from '../worker/eventually.ts';

const rows = 150_000;
let cluster: Cluster;
let source: TestDatabase;
beforeEach(async () => {
  source = await testDatabase();
  cluster = await openCluster({ target: 'postgres' });
});
afterEach(async () => {
  await cluster.close();
  await source.drop();
});

const insert = (from: number, to: number): Promise<unknown> =>
  source.query(
    `INSERT INTO items SELECT i, 'note "' || i || E'"\\n' || repeat(md5(i::text), 4), timestamptz '2024-01-01Z' + i / 10 * interval '1 s', i / 3.0
     FROM generate_series(${from}, ${to}) i`,
  );

/** Of all rows, however they are stored. */
async function digestOf(database: TestDatabase): Promise<unknown> {
  const [row] = await database.query(
    `SELECT count(*)::int AS rows, md5(string_agg(md5(ROW(id, note, seen, price)::text), '' ORDER BY id)) AS digest FROM items`,
  );
  return row;
}

test('a table goes from Postgres to Postgres once, however its worker is killed; the next sync reads what is new', async () => {
  await source.query(
    `CREATE TABLE items (id bigint PRIMARY KEY, note text, seen timestamptz, price numeric)`,
  );
  await insert(1, rows);
  const env = { [sourceUrlVariable]: source.url };
  const name = await cluster.apply({
    source: {
      connector: 'postgres',
      config: { url: `\${env:${sourceUrlVariable}}`, checkpoint_pages: 100 },
    },
    policy: { parallelism: 3 },
    streams: [
      {
        ...{ name: 'items', namespace: 'public', cursor_field: ['seen'] },
        // Without dedup nothing hides what would come twice.
        ...{ sync_mode: 'incremental', destination_sync_mode: 'append' },
      },
    ],
  });
  const worker = await cluster.worker(env);
  const sync = await cluster.client.startSync(name);
  await eventually('three sessions read', async () => {
    const [row] = await source.query(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'tidemark source' AND datname = current_database()`,
    );
    return row!['count'] === 3;
  });
  await untilView(sync, 'something is committed', ({ attempts, summary }) => {
    const committed = attempts.at(-1)?.progress?.committed.records ?? 0;
    return committed > 0 || summary !== null;
  });
  await worker.kill();
  const { rows: before } = await cluster.target.held('items', rows);
  expect(before).toBeGreaterThan(0);
  expect(before).toBeLessThan(rows);
  // Rows that move while nobody reads.
  await source.query(`UPDATE items SET note = 'changed' WHERE id > ${rows - 50}`);
  await cluster.worker(env);
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records: rows });
  expect(await digestOf(cluster.target.database!)).toEqual(await digestOf(source));

  await insert(rows + 1, rows + 1_000);
  const next = await cluster.client.startSync(name);
  expect(await next.result()).toMatchObject({ outcome: 'succeeded', records: 1_000 });
  expect(await digestOf(cluster.target.database!)).toEqual(await digestOf(source));
});
