import { jest } from '@jest/globals';
import pg from 'pg';
import { isWorking } from '../../../connectors/postgres/source/signs-of-life.ts';
import type { JsonObject, StateMessage } from '../../../protocol/index.ts';
import { createRoadBack } from '../../../activities/road-back.ts';
import { postgresSource } from '../../../connectors/postgres/index.ts';
import { seeded } from '../../e2e/instants.ts';
import { eventually } from '../../worker/eventually.ts';
import { failure, never } from '../harness.ts';
import {
  failureOf,
  openPostgresPlace,
  readUnderKills,
  roleIn,
  type Outcome,
  type PostgresPlace,
  type ReadOptions,
} from '../postgres-source-harness.ts';

let place: PostgresPlace;
let options: ReadOptions;
const slot = (): string => `s_${new URL(place.database.url).pathname.slice(1)}`;
beforeEach(async () => {
  place = await openPostgresPlace();
  await place.sql(
    'CREATE PUBLICATION tidemark FOR ALL TABLES WITH (publish_via_partition_root = true)',
  );
  options = { cursor: '_ab_cdc_lsn', key: ['id'], config: { cdc: { slot: slot() } } };
});
afterEach(async () => {
  while ((await slotRows()).some(({ active }) => active)) continue;
  await place.database.drop();
});

const slotRows = () =>
  place.database.query<{ active: boolean; lsn: string }>(
    `SELECT active, confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = '${slot()}'`,
  );

const parsed = (records: readonly string[]): JsonObject[] =>
  records.map((text) => JSON.parse(text) as JsonObject);
const ids = ({ records }: Pick<Outcome, 'records'>): unknown[] =>
  parsed(records).map(({ id }) => id);
const last = ({ states }: Pick<Outcome, 'states'>): StateMessage[] => [states.at(-1)!];
const lsnOf = ({ state }: StateMessage): unknown =>
  (state.global!.shared_state as JsonObject)['lsn'];

/** A table that takes records by their key, the last one wins, as a destination does. */
function applied(records: readonly string[], columns: readonly string[]): unknown[] {
  const rows = new Map<string, unknown[]>();
  for (const record of parsed(records)) {
    const key = JSON.stringify(record['id']);
    rows.delete(key);
    if (record['_ab_cdc_deleted_at'] === null)
      rows.set(
        key,
        columns.map((name) => record[name] ?? null),
      );
  }
  return [...rows.values()].sort(([a], [b]) => Number(a) - Number(b));
}

const there = async (sql: string): Promise<unknown[]> =>
  (await place.sql(sql)).map((row) => Object.values(row));

test('rows, then what happens to them: inserts, updates, keys that change, deletes; each once', async () => {
  await place.sql('CREATE TABLE t (id int PRIMARY KEY, name text)');
  await place.sql(`INSERT INTO t SELECT n, 'row ' || n FROM generate_series(1, 50) n`);
  const first = await place.read(options);
  expect(first.end).toMatchObject({
    failure: null,
    drained: false,
    statuses: { 'public/t': 'COMPLETE' },
  });
  expect(ids(first)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  expect(first.covered).toHaveLength(50);
  expect(parsed(first.records)[0]).toEqual({
    ...{ id: 1, name: 'row 1', _ab_cdc_deleted_at: null },
    _ab_cdc_lsn: expect.any(Number),
    _ab_cdc_updated_at: expect.stringMatching(/Z$/),
  });

  await place.sql(`UPDATE t SET name = 'new' WHERE id = 3; DELETE FROM t WHERE id = 4`);
  await place.sql(`UPDATE t SET id = 100 WHERE id = 5; INSERT INTO t VALUES (6000, 'x')`);
  const second = await place.read({ ...options, state: last(first) });
  expect(ids(second)).toEqual([3, 4, 5, 100, 6000]);
  expect(applied([...first.records, ...second.records], ['id', 'name'])).toEqual(
    await there('SELECT id, name FROM t ORDER BY id'),
  );
  const third = await place.read({ ...options, state: last(second) });
  expect(third.records).toEqual([]);
  expect(third.states.length).toBeGreaterThan(0);
});

test('what happens while tables are read comes once, also where the rows are not told apart', async () => {
  await place.sql('CREATE TABLE t (id int PRIMARY KEY, n int)');
  await place.sql('INSERT INTO t SELECT n, 0 FROM generate_series(1, 5000) n');
  let written = 5_000;
  const seen = await place.read({
    ...options,
    config: { cdc: { slot: slot() }, checkpoint_pages: 1 },
    async on(item) {
      if (item.type !== 'STATE' || written >= 5_010) return;
      written += 1;
      await place.sql(`INSERT INTO t VALUES (${written}, 1)`);
    },
  });
  const rest = await place.read({ ...options, state: last(seen) });
  const all = [...seen.records, ...rest.records];
  expect(all).toHaveLength(written);
  expect(applied(all, ['id']).length).toBe(written);
});

test.each([1, 2, 3])(
  'killed after any state, with writers all the time, what the states cover adds up to the tables (%d)',
  async (seed) => {
    const random = seeded(seed);
    const pick = (n: number): number => Math.floor(random() * n);
    await place.sql('CREATE TABLE t (id int PRIMARY KEY, n int, doc text)');
    await place.sql('ALTER TABLE t ALTER doc SET STORAGE EXTERNAL');
    await place.sql(
      `INSERT INTO t SELECT n, 0, CASE WHEN n % 50 = 0 THEN repeat('x', 4000) END FROM generate_series(1, 2000) n`,
    );
    let next = 2_001;
    const write = async (): Promise<void> => {
      const id = 1 + pick(next);
      const statement = [
        `INSERT INTO t VALUES (${next++}, 0, repeat('y', 4000))`,
        `UPDATE t SET n = n + 1 WHERE id BETWEEN ${id} AND ${id + 5}`,
        `DELETE FROM t WHERE id = ${id}`,
        `UPDATE t SET id = ${next++} WHERE id = ${id}`,
      ][pick(4)]!;
      await place.sql(statement);
    };
    const kills = Array.from({ length: 8 }, () => 1 + pick(6));
    const under: ReadOptions = {
      ...options,
      config: { cdc: { slot: slot() }, checkpoint_pages: 1 },
      parallelism: 1 + pick(3),
      on: async (item) => void (item.type === 'STATE' && (await write())),
    };
    const first = await readUnderKills(place, under, kills, async () => {
      for (let i = 0; i < 10; i += 1) await write();
    });
    const quiet = await place.read({ ...options, state: first.states });
    expect(applied([...first.records, ...quiet.covered], ['id', 'n', 'doc'])).toEqual(
      await there('SELECT id, n, doc FROM t ORDER BY id'),
    );
  },
);

test('the slot follows only what became a checkpoint', async () => {
  await place.sql('CREATE TABLE t (id int PRIMARY KEY)');
  const first = await place.read(options);
  const before = (await slotRows())[0]!.lsn;
  await place.sql('INSERT INTO t VALUES (1)');
  // Nothing of it came back.
  const unkept = await place.read({ ...options, state: last(first) });
  expect(ids(unkept)).toEqual([1]);
  expect((await slotRows())[0]!.lsn).toBe(before);
  // It comes back while the log is followed.
  const road = createRoadBack();
  const stop = new AbortController();
  const reading = place.read({
    ...options,
    config: { cdc: { slot: slot(), continuous: true } },
    ...{ state: last(first), checkpoints: road.states, drain: stop.signal },
    on(item) {
      if (item.type === 'STATE') road.push(item);
    },
  });
  // The state that it began with is a checkpoint too: where others write to the server, that lies further than the slot.
  const known = [before, ...last(first).map(lsnOf)];
  let at = before;
  while (known.includes(at)) at = (await slotRows())[0]!.lsn;
  stop.abort();
  const kept = await reading;
  expect(kept.end).toMatchObject({ failure: null, drained: true });
  expect(ids(kept)).toEqual([1]);
  expect(kept.states.map(lsnOf)).toContain(at);
  // What the server has forgotten can't be read again.
  const refused = failureOf(await place.read({ ...options, state: last(first) }));
  expect(refused).toMatchObject({
    kind: 'config_error',
    message: expect.stringContaining('ahead of the last checkpoint'),
    remedy: expect.stringContaining('tidemark refresh'),
  });
});

test('a table that comes later is read, and the others go on', async () => {
  await place.sql('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
  const first = await place.read(options);
  await place.sql(
    'CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (10); INSERT INTO t VALUES (2)',
  );
  const second = await place.read({ ...options, state: last(first) });
  expect(new Set(ids(second))).toEqual(new Set([2, 10]));
  expect(last(second)[0]!.state.global!.stream_states).toHaveLength(2);
  // A stream that left the state is read again.
  const { state } = last(second)[0]!;
  const parts = state.global!.stream_states!.filter(
    ({ stream_descriptor: { name } }) => name !== 'u',
  );
  const cut = { ...state, global: { ...state.global, stream_states: parts } } as typeof state;
  const third = await place.read({ ...options, state: [{ type: 'STATE', state: cut }] });
  expect(ids(third)).toEqual([10]);
});

test('a reader that does not know that it is over is ended; a lost slot says what to do', async () => {
  await place.sql('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
  const first = await place.read(options);
  const stop = new AbortController();
  const states: StateMessage[] = [];
  const zombie = place.read({
    ...options,
    ...{ config: { cdc: { slot: slot(), continuous: true } }, state: last(first) },
    abort: stop.signal,
    on: (item) => void (item.type === 'STATE' && states.push(item)),
  });
  while (!(await slotRows())[0]!.active) continue;
  await place.sql('INSERT INTO t VALUES (2)');
  const second = await place.read({ ...options, state: last(first) });
  expect([second.end!.failure, ids(second)]).toEqual([null, [2]]);
  expect(failureOf(await zombie)).toMatchObject({ kind: 'transient_error' });
  stop.abort();

  while ((await slotRows())[0]!.active) continue;
  await place.sql(`SELECT pg_drop_replication_slot('${slot()}')`);
  const lost = failureOf(await place.read({ ...options, state: last(second) }));
  expect(lost).toMatchObject({
    kind: 'config_error',
    message: expect.stringContaining('slot is gone'),
    remedy: expect.stringContaining('tidemark refresh'),
  });
});

test('a server that works while nothing comes is told from one that waits', async () => {
  await place.sql('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE busy (id int)');
  const other = new pg.Client({ connectionString: place.database.url });
  await other.connect();
  await other.query('BEGIN; INSERT INTO busy VALUES (1)');
  // All but setInterval.
  jest.useFakeTimers({
    doNotFake: [
      ...(['Date', 'hrtime', 'performance', 'nextTick', 'queueMicrotask'] as const),
      ...(['setImmediate', 'clearImmediate', 'setTimeout', 'clearTimeout'] as const),
    ],
  });
  let lives = 0;
  const stop = new AbortController();
  try {
    const reading = place.read({
      ...options,
      ...{ config: { cdc: { slot: slot(), continuous: true } }, streams: ['t'] },
      ...{ abort: stop.signal, lives: () => void (lives += 1) },
    });
    // It is not made before the transaction is over.
    await eventually('the slot is being made', async () => {
      const [row] = await place.sql(
        `SELECT 1 FROM pg_stat_activity WHERE query LIKE '%pg_create_logical%' AND wait_event_type = 'Lock' AND datname = current_database()`,
      );
      return row !== undefined;
    });
    expect(lives).toBe(0);
    jest.advanceTimersByTime(120_000);
    await eventually('it is told that the server works', () => lives > 0);
    await other.query('COMMIT');
    let pid = 0;
    await eventually('the log is read', async () => {
      const [row] = await place.sql(
        `SELECT pid FROM pg_stat_activity WHERE backend_type = 'walsender' AND state = 'active' AND datname = current_database()`,
      );
      pid = (row?.['pid'] as number | undefined) ?? 0;
      return pid > 0;
    });
    await eventually(
      'what waits for the log to grow does no work',
      async () => !(await isWorking(place.config, [pid])),
    );
    stop.abort();
    expect(failureOf(await reading)).toMatchObject({ code: 'aborted' });
  } finally {
    jest.useRealTimers();
    stop.abort();
    await other.end();
  }
});

test('partitions are their table; an abort lets the slot go', async () => {
  await place.sql(
    'CREATE TABLE t (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)',
  );
  await place.sql('INSERT INTO t VALUES (1, 0), (11, 0)');
  const first = await place.read(options);
  await place.sql('UPDATE t SET n = 1; UPDATE t SET id = 12 WHERE id = 1');
  const second = await place.read({ ...options, state: last(first) });
  expect(applied([...first.records, ...second.records], ['id', 'n'])).toEqual([
    [11, 1],
    [12, 1],
  ]);
  const stop = new AbortController();
  const reading = place.read({
    ...options,
    ...{ config: { cdc: { slot: slot(), continuous: true } }, state: last(second) },
    abort: stop.signal,
  });
  while (!(await slotRows())[0]!.active) continue;
  stop.abort();
  expect(failureOf(await reading)).toMatchObject({ code: 'aborted' });
});

test('what the server generates is left out: the log does not hold it', async () => {
  await place.sql(
    'CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED)',
  );
  await place.sql('INSERT INTO t VALUES (1)');
  const first = await place.read(options);
  await place.sql('INSERT INTO t VALUES (2)');
  const second = await place.read({ ...options, state: last(first) });
  const columns = [...first.records, ...second.records].map((text) =>
    Object.keys(parsed([text])[0]!).filter((name) => !name.startsWith('_ab_')),
  );
  expect(columns).toEqual([['id'], ['id']]);
});

test('check and discover tell what is missing', async () => {
  const check = (more: object = {}, base = place.config) =>
    failure(postgresSource.check({ ...base, cdc: { slot: slot(), ...more } }, never));
  await place.sql('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE keyless (a int)');
  await postgresSource.check({ ...place.config, cdc: { slot: slot() } }, never);
  const catalog = await postgresSource.discover({ ...place.config, cdc: { slot: slot() } }, never);
  expect(catalog.streams).toMatchObject([
    {
      ...{ name: 't', supported_sync_modes: ['incremental'], source_defined_cursor: true },
      ...{ default_cursor_field: ['_ab_cdc_lsn'], source_defined_primary_key: [['id']] },
    },
  ]);
  expect((await check({ publication: 'none' })).remedy).toContain('CREATE PUBLICATION "none"');
  await place.sql('CREATE PUBLICATION few FOR TABLE keyless');
  expect((await check({ publication: 'few' })).remedy).toContain('ADD TABLE "public"');
  await place.sql('CREATE PUBLICATION narrow FOR TABLE t (id)');
  expect((await check({ publication: 'narrow' })).remedy).toContain('all its columns and rows');
  const reader = await roleIn(place, 'GRANT SELECT ON ALL TABLES IN SCHEMA public TO $');
  expect((await check({}, reader)).remedy).toMatch(/^Run: ALTER ROLE "reader_\w+" REPLICATION;$/);
  await place.sql(`SELECT pg_create_logical_replication_slot('${slot()}', 'test_decoding')`);
  expect(await check()).toMatchObject({
    kind: 'config_error',
    place: expect.stringContaining('plugin test_decoding'),
  });
});
