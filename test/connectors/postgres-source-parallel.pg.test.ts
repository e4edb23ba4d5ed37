import pg from 'pg';
import { createHelpers } from '../../connectors/postgres/source/helpers.ts';
import { findRelations } from '../../connectors/postgres/source/catalog.ts';
import { connectReader } from '../../connectors/postgres/source/reader-session.ts';
import { wholeSelectionOf } from '../../connectors/postgres/source/selection.ts';
import { beginReading } from '../../connectors/postgres/source/transaction.ts';
import { eventually } from '../worker/eventually.ts';
import { configured, id } from '../support/items.ts';
import { never } from './harness.ts';
import {
  atBlock,
  failureOf,
  freed,
  openPostgresPlace,
  readUnderKills,
  roleIn,
  sessionsOf,
  type Outcome,
  type PostgresPlace,
  type ReadOptions,
} from './postgres-source-harness.ts';

let place: PostgresPlace;
beforeAll(async () => {
  place = await openPostgresPlace();
  await place.sql(
    `CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 1 + i % 20) AS pad FROM generate_series(1, ${rows}) i`,
  );
  await place.sql(`CREATE TABLE p (id int, pad text) PARTITION BY RANGE (id)`);
  for (const i of [0, 1, 2])
    await place.sql(
      `CREATE TABLE p${i} PARTITION OF p FOR VALUES FROM (${i * 1_000}) TO (${i * 1_000 + 1_000})`,
    );
  await place.sql(`INSERT INTO p SELECT i, repeat('x', 100) FROM generate_series(0, 2999) i`);
});
afterAll(() => place.database.drop());

const rows = 20_000;
const config = { checkpoint_pages: 100 };
const parallelism = 4;
const ofT: ReadOptions = { config, parallelism, streams: ['t'] };

const numbers = ({ states }: Outcome): unknown =>
  states.map(({ state }) => [
    state.sourceStats!.recordCount,
    (state.stream!.stream_state as { load: { tables?: readonly unknown[] } }).load.tables,
  ]);

test('several sessions give what one gives: the same records in the same order, with states at the same places', async () => {
  let most = 0;
  const four = await place.read({
    ...ofT,
    ...atBlock(20, async () => void (most = await sessionsOf(place))),
  });
  const one = await place.read({ ...ofT, parallelism: 1 });
  expect(most).toBe(parallelism);
  expect(four.records).toHaveLength(rows);
  expect(four.records).toEqual(one.records);
  expect(four.states.length).toBeGreaterThan(5);
  expect(numbers(four)).toEqual(numbers(one));
  expect([four.logs, four.end!.failure]).toEqual([[], null]);
  await freed(place);
});

test('by a cursor the first time likewise; partitions too; a table of one range keeps to one session', async () => {
  const followed = { ...ofT, cursor: 'id' };
  const one = await place.read({ ...followed, parallelism: 1 });
  const four = await place.read(followed);
  expect(four.records).toEqual(one.records);
  expect(four.states.at(-1)).toEqual(one.states.at(-1));
  let most = 0;
  const on = atBlock(1, async () => void (most = await sessionsOf(place)));
  const parts = await place.read({ streams: ['p'], config: { checkpoint_pages: 5 }, parallelism });
  expect(parts.records.map((text) => (JSON.parse(text) as { id: number }).id)).toEqual(
    Array.from({ length: 3_000 }, (_, i) => i),
  );
  await place.read({ streams: ['t'], config: { checkpoint_pages: 100_000 }, parallelism, ...on });
  expect(most).toBe(1);
});

test('killed after each state, it goes on there: no row is lost, none comes twice', async () => {
  const one = await place.read({ ...ofT, parallelism: 1 });
  const kills = Array.from({ length: one.states.length }, (_, i) => 1 + (i % 2));
  const { records } = await readUnderKills(place, ofT, kills);
  expect(records).toEqual(one.records);
  await freed(place);
});

test('asked to drain it ends with a state of all that it gave, and what follows begins there; no session stays', async () => {
  const drain = new AbortController();
  const one = await place.read({
    ...{ ...ofT, config: { checkpoint_pages: 300 }, drain: drain.signal },
    ...atBlock(6, () => drain.abort()),
  });
  expect(one.end).toMatchObject({ failure: null, drained: true });
  expect(one.covered).toHaveLength(one.records.length);
  expect(one.records.length).toBeLessThan(rows / 2);
  await freed(place);
  const two = await place.read({ ...ofT, state: one.states.slice(-1) });
  const ids = [...one.records, ...two.records].map(
    (text) => (JSON.parse(text) as { id: number }).id,
  );
  expect(ids).toEqual(Array.from({ length: rows }, (_, i) => i + 1));
});

test.each(['aborted', 'left early'])(
  '%s, it frees the server of all of its sessions',
  async (how) => {
    const abort = new AbortController();
    let most = 0;
    const on = atBlock(8, async () => {
      most = await sessionsOf(place);
      if (how === 'aborted') abort.abort();
    });
    const options = { ...ofT, abort: abort.signal, ...on };
    const outcome = await place.read(how === 'aborted' ? options : { ...options, statesMax: 2 });
    expect(most).toBe(parallelism);
    if (how === 'aborted') expect(failureOf(outcome)).toMatchObject({ code: 'aborted' });
    await freed(place);
  },
);

test('a session that is lost ends the reading of its stream, and what came before stays; the next attempt goes on', async () => {
  const lose = atBlock(10, async () => {
    // One that joined: its transaction is younger than the one that leads.
    await place.sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tidemark source'
       AND datname = current_database() ORDER BY backend_start DESC LIMIT 1`,
    );
  });
  const one = await place.read({ ...ofT, ...lose });
  expect(failureOf(one)).toMatchObject({ kind: 'transient_error', stream: 'public/t' });
  await freed(place);
  expect(one.covered.length).toBeGreaterThan(0);
  const two = await place.read({ ...ofT, state: one.states.slice(-1) });
  expect(one.covered.length + two.records.length).toBe(rows);
});

test('where the server has no sessions left for it, one reads, and the log says so', async () => {
  const reader = await roleIn(place, `ALTER ROLE $ CONNECTION LIMIT 2`, `GRANT SELECT ON t TO $`);
  const { logs, records, end } = await place.read({ ...ofT, config: { ...config, ...reader } });
  expect([records.length, end!.failure]).toEqual([rows, null]);
  expect(logs).toEqual([
    expect.stringContaining(
      'public/t is read by one session, though parallelism is 4: Postgres has no free connection.',
    ),
  ]);
  await freed(place);
});

test('those that join see what the lead does, also of rows that came since; what waits to change the table is not waited for: it waits for the lead', async () => {
  const lead = await connectReader(place.config, never);
  const helpers = createHelpers(place.config, never);
  const other = new pg.Client({ connectionString: place.database.url });
  await other.connect();
  try {
    const relation = (await findRelations(lead, place.config)).find(({ name }) => name === 't')!;
    const selection = wholeSelectionOf(relation, configured(id('t')));
    await beginReading(lead, selection);
    await other.query(`INSERT INTO t (id) VALUES (0)`);
    const joined = await helpers.join(lead, selection, 2);
    if ('why' in joined) throw new Error(joined.why);
    for (const session of [lead, ...joined])
      expect((await session.query(`SELECT count(*)::int AS count FROM t`)).rows).toEqual([
        { count: rows },
      ]);
    expect(joined).toHaveLength(2);
    await helpers.leave();
    const changing = other.query(`ALTER TABLE t ADD COLUMN more int`);
    await eventually('it waits', async () => {
      const waiting = await place.sql(
        `SELECT FROM pg_locks WHERE NOT granted AND relation = 't'::regclass`,
      );
      return waiting.length > 0;
    });
    expect(await helpers.join(lead, selection, 2)).toEqual({
      why: 'Something waits to change the table.',
    });
    await lead.close();
    await changing;
  } finally {
    await Promise.all([lead.close(), helpers.close(), other.end()]);
  }
});
