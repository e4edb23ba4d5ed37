import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { postgresSource } from '../../connectors/postgres/index.ts';
import { isWorking } from '../../connectors/postgres/source/signs-of-life.ts';
import { eventually } from '../worker/eventually.ts';
import {
  atBlock,
  failureOf,
  freed,
  openPostgresPlace,
  roleIn,
  type PostgresPlace,
} from './postgres-source-harness.ts';

let place: PostgresPlace;
beforeEach(async () => {
  place = await openPostgresPlace();
});
afterEach(() => place.database.drop());

const rows = 20_000;
const fill = async (): Promise<void> => {
  await place.sql(
    `CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 10) AS pad FROM generate_series(1, ${rows}) i`,
  );
  await place.sql(`ANALYZE t`);
};

test('a drain in the order of the cursor ends at the next row', async () => {
  await fill();
  await place.sql(`CREATE VIEW v AS SELECT * FROM t`);
  const drain = new AbortController();
  const options = { cursor: 'id', streams: ['v'], config: { checkpoint_records: 1_000_000 } };
  const one = await place.read({
    ...options,
    drain: drain.signal,
    ...atBlock(2, () => drain.abort()),
  });
  expect(one.end).toMatchObject({ failure: null, drained: true });
  const two = await place.read({ ...options, state: one.states.slice(-1) });
  expect(one.covered.length + two.records.length).toBe(rows);
  expect(one.covered.length).toBeGreaterThan(100);
  expect(one.records.length).toBeLessThan(rows / 2);
  await freed(place);
});

test('a drain before the first row ends at once', async () => {
  await place.sql(`CREATE VIEW slow AS SELECT pg_sleep(60)::text AS x FROM generate_series(1, 3)`);
  const drain = new AbortController();
  const reading = place.read({ drain: drain.signal });
  await eventually(
    'it runs',
    async () =>
      (
        await place.sql(
          `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active' AND datname = current_database()`,
        )
      ).length > 0,
  );
  drain.abort();
  expect((await reading).end).toMatchObject({ failure: null, drained: true });
  await freed(place);
});

test.each([
  ['while rows come', 't'],
  ['while the server works on the first one', 'slow'],
])('an abort ends at once %s, and frees the server', async (_, stream) => {
  await fill();
  await place.sql(`CREATE VIEW slow AS SELECT pg_sleep(60)::text AS x FROM generate_series(1, 3)`);
  const abort = new AbortController();
  const reading = place.read({
    streams: [stream],
    abort: abort.signal,
    ...atBlock(1, () => abort.abort()),
  });
  await eventually(
    'it runs',
    async () =>
      abort.signal.aborted ||
      (
        await place.sql(
          `SELECT 1 FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active' AND datname = current_database()`,
        )
      ).length > 0,
  );
  abort.abort();
  expect((await reading).end).toMatchObject({ failure: { code: 'aborted' }, drained: false });
  await freed(place);
});

test('a reader that goes away early frees the server', async () => {
  await fill();
  await place.read({ config: { checkpoint_pages: 1 }, statesMax: 1 });
  await freed(place);
});

test('a lost connection is told as transient, what was covered stays, and the next attempt goes on there', async () => {
  await fill();
  const config = { checkpoint_pages: 50 };
  const kill = atBlock(8, async () => {
    await place.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemark source' AND datname = current_database()`,
    );
  });
  const one = await place.read({ config, ...kill });
  expect(failureOf(one)).toMatchObject({
    kind: 'transient_error',
    origin: 'source',
    stream: 'public/t',
  });
  expect(one.covered.length).toBeGreaterThan(0);
  const two = await place.read({ config, state: one.states.slice(-1) });
  expect(one.covered.length + two.records.length).toBe(rows);
});

test('a server that works on a first row for long is told from one that does nothing', async () => {
  await place.sql(`CREATE VIEW slow AS SELECT pg_sleep(60)::text AS x FROM generate_series(1, 3)`);
  const abort = new AbortController();
  const reading = place.read({ abort: abort.signal });
  let pid = 0;
  await eventually('it runs', async () => {
    const [row] = await place.sql(
      `SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active' AND datname = current_database()`,
    );
    pid = (row?.['pid'] as number | undefined) ?? 0;
    return pid > 0;
  });
  expect(await isWorking(place.config, [pid])).toBe(true);
  abort.abort();
  await reading;
  await freed(place);
  expect(await isWorking(place.config, [pid])).toBe(false);
  expect(await isWorking({ url: 'postgres://nobody@127.0.0.1:1/none' }, [pid])).toBe(false);
});

test('limits of the role on statements do not end a long read', async () => {
  await place.sql(`CREATE VIEW v AS SELECT pg_sleep(0.2)::text AS x FROM generate_series(1, 3)`);
  const reader = await roleIn(
    place,
    `ALTER ROLE $ SET statement_timeout = '200ms'`,
    `GRANT SELECT ON v TO $`,
  );
  expect((await place.read({ config: reader })).end!.failure).toBeNull();
});

test('memory stays bounded while sessions read hundreds of megabytes of a table for a slow consumer', async () => {
  // Compressed in the table, and large once it is read.
  await place.sql(
    `CREATE TABLE t AS SELECT i AS id, repeat('x', 100000) AS pad FROM generate_series(1, 2500) i`,
  );
  const { streams } = await postgresSource.discover(place.config, new AbortController().signal);
  const signal = new AbortController().signal;
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const held = (): number => {
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = held();
  // Four times 4 MiB, and of each session an item more and what its socket read.
  const heldMax = 40_000_000;
  let [blocks, bytes, most] = [0, 0, 0];
  for await (const item of postgresSource.read({
    ...{ config: { ...place.config, checkpoint_pages: 64 }, state: [], parallelism: 4 },
    ...{ drain: signal, abort: signal, accepts: () => ['jsonl'] },
    catalog: {
      streams: [
        {
          ...{ stream: streams[0]!, sync_mode: 'full_refresh', destination_sync_mode: 'append' },
          ...{ generation_id: 0, minimum_generation_id: 0, sync_id: 1 },
        },
      ],
    },
    checkpoints: { async *[Symbol.asyncIterator]() {} },
  })) {
    if (item.type !== 'BLOCK') continue;
    bytes += item.bytes.byteLength;
    blocks += 1;
    if (blocks % 500 === 10) {
      // Long enough for all sessions to send what they may, and more.
      await sleep(400);
      let now = held() - before;
      // What a collection frees is given back by a thread of its own, later when the machine is busy.
      for (let look = 0; look < 20 && now > heldMax; look += 1) {
        await sleep(50);
        now = held() - before;
      }
      most = Math.max(most, now);
    }
    item.release();
  }
  expect(bytes).toBeGreaterThan(250_000_000);
  expect(most).toBeLessThan(heldMax);
});
