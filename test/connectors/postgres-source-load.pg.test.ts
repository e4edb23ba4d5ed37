import fc from 'fast-check';
import pg from 'pg';
import type { JsonObject } from '../../protocol/index.ts';
import {
  openPostgresPlace,
  roleIn,
  readUnderKills,
  sorted,
  type PostgresPlace,
} from './postgres-source-harness.ts';

let place: PostgresPlace;
beforeEach(async () => {
  place = await openPostgresPlace();
});
afterEach(() => place.database.drop());

const config = { checkpoint_pages: 1 };
const ids = (records: readonly string[]): number[] =>
  records.map((text) => (JSON.parse(text) as { id: number }).id);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
const once = (records: readonly string[]): number[] => ids(records).sort((a, b) => a - b);

test('killed after each of its states, it goes on there: each row comes once, in the order of the table', async () => {
  await place.sql(
    `CREATE TABLE t AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 1000) i`,
  );
  const kills = Array.from({ length: 30 }, () => 1);
  const { records, states } = await readUnderKills(place, { config }, kills);
  expect(ids(records)).toEqual(upTo(1_000));
  expect(states[0]!.state.stream!.stream_state).toEqual({ version: 1, load: { done: true } });
  // Another attempt of the same sync.
  const again = await place.read({ state: states });
  expect([again.records, again.end!.failure]).toEqual([[], null]);
  const next = await place.read();
  expect(once(next.records)).toEqual(upTo(1_000));
  expect(sorted(next.records)).toEqual(sorted(records));
});

test('a row that moves from an unread page to a read one between two attempts is not lost; what did not change comes once', async () => {
  await place.sql(`CREATE TABLE t (id int, note text, pad text) WITH (autovacuum_enabled = off)`);
  await place.sql(
    `INSERT INTO t SELECT i, 'old', repeat('x', 100) FROM generate_series(1, 1000) i`,
  );
  // Room on the first pages, where rows of later ones will go.
  await place.sql(`DELETE FROM t WHERE id <= 150`);
  await place.sql(`VACUUM t`);
  let moved = 0;
  const { records } = await readUnderKills(place, { config }, [5], async () => {
    await place.sql(`UPDATE t SET note = 'new' WHERE id BETWEEN 701 AND 900`);
    const [row] = await place.sql(
      `SELECT count(*)::int AS count FROM t WHERE note = 'new' AND ctid < '(5,0)'`,
    );
    moved = row!['count'] as number;
  });
  expect(moved).toBeGreaterThan(50);
  expect(once(records)).toEqual(upTo(1_000).slice(150));
  const news = records.filter((text) => text.includes('"new"'));
  expect(once(news)).toEqual(upTo(900).slice(700));
});

test('what an open transaction writes, also in subtransactions, comes once it is committed; what was written beside it comes once', async () => {
  await place.sql(`CREATE TABLE t (id int, pad text) WITH (autovacuum_enabled = off)`);
  const open = new pg.Client({ connectionString: place.database.url });
  await open.connect();
  try {
    await open.query(`BEGIN; SELECT pg_current_xact_id(); SAVEPOINT a`);
    await open.query(
      `INSERT INTO t SELECT i, 'in a subtransaction' FROM generate_series(1001, 1010) i`,
    );
    await open.query(`RELEASE a; INSERT INTO t VALUES (1011, 'in the transaction')`);
    for (let i = 0; i < 5; i += 1)
      await place.sql(
        `INSERT INTO t SELECT i, repeat('x', 100) FROM generate_series(${i * 100 + 1}, ${i * 100 + 100}) i`,
      );
    const { records } = await readUnderKills(place, { config }, [3], async () => {
      await open.query(`COMMIT`);
    });
    expect(once(records)).toEqual([...upTo(500), ...upTo(1_011).slice(1_000)]);
  } finally {
    await open.end();
  }
});

test('a row that is changed after it was read comes in both versions, the newer last', async () => {
  await place.sql(
    `CREATE TABLE t AS SELECT i AS id, 'old' AS note, repeat('x', 100) AS pad FROM generate_series(1, 500) i`,
  );
  const { records } = await readUnderKills(place, { config }, [4], async () => {
    await place.sql(`UPDATE t SET note = 'new' WHERE id = 3`);
    await place.sql(`DELETE FROM t WHERE id IN (4, 499)`);
  });
  const versions = records.filter((text) => text.startsWith('{"id":3,'));
  expect(versions.map((text) => (JSON.parse(text) as { note: string }).note)).toEqual([
    'old',
    'new',
  ]);
  expect(new Set(ids(records))).toEqual(new Set(upTo(500).filter((id) => id !== 499)));
  expect(records).toHaveLength(500);
});

test('any table, changed between attempts that are killed anywhere: nothing is lost, and what stayed as it was came once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(599), fc.nat(60)), { minLength: 6, maxLength: 6 }),
      fc.constantFrom(1, 3),
      async (kills, changes, parallelism) => {
        await place.sql(`DROP TABLE IF EXISTS t`);
        await place.sql(`CREATE TABLE t (id int, version int, pad text)`);
        await place.sql(
          `INSERT INTO t SELECT i, 0, repeat('x', 150) FROM generate_series(1, 600) i`,
        );
        await place.sql(`DELETE FROM t WHERE id % 7 = 0`);
        await place.sql(`VACUUM t`);
        const changed = new Set<number>();
        const options = { config, parallelism };
        const { records } = await readUnderKills(place, options, kills, async (attempt) => {
          const [from, count] = changes[attempt]!;
          const rows = await place.sql(
            `UPDATE t SET version = version + 1 WHERE id BETWEEN ${from} AND ${from + count} RETURNING id`,
          );
          rows.forEach(({ id }) => changed.add(id as number));
        });
        const all = await place.sql(`SELECT id FROM t`);
        expect(new Set(ids(records))).toEqual(new Set(all.map(({ id }) => id)));
        const unchanged = ids(records).filter((id) => !changed.has(id));
        expect(new Set(unchanged).size).toBe(unchanged.length);
      },
    ),
    { numRuns: 12 },
  );
});

test('a table that was rewritten in the middle is read again from its start, and says so; one that was read to its end is looked through', async () => {
  const create = (name: string): Promise<unknown> =>
    place.sql(
      `CREATE TABLE ${name} AS SELECT i AS id, repeat('x', 100) AS pad FROM generate_series(1, 500) i`,
    );
  await create('t');
  const one = await readUnderKills(place, { config }, [3], async () => {
    await place.sql(`VACUUM FULL t`);
  });
  expect(new Set(ids(one.records))).toEqual(new Set(upTo(500)));
  expect(one.logs.join()).toContain('"public"."t" was rewritten since it was read in part');
  const two = await readUnderKills(place, { config }, [9], async () => {
    await place.sql(`DELETE FROM t WHERE id = 1`);
    await place.sql(`UPDATE t SET pad = 'new' WHERE id = 2`);
    await place.sql(`VACUUM FULL t`);
  });
  expect(two.logs).toEqual([]);
  expect(ids(two.records)).toEqual([...upTo(500), 2]);
});

test('partitions and children are read as one stream, each where it is; one that comes in between is read too', async () => {
  await place.sql(`CREATE TABLE p (id int, pad text) PARTITION BY RANGE (id)`);
  for (const i of [0, 1, 2])
    await place.sql(
      `CREATE TABLE p${i} PARTITION OF p FOR VALUES FROM (${i * 200}) TO (${i * 200 + 200})`,
    );
  await place.sql(`INSERT INTO p SELECT i, repeat('x', 100) FROM generate_series(1, 500) i`);
  await place.sql(
    `CREATE TABLE standalone AS SELECT i AS id, 'late'::text AS pad FROM generate_series(600, 650) i`,
  );
  await place.sql(`CREATE TABLE parent (id int)`);
  await place.sql(`CREATE TABLE child (more text) INHERITS (parent)`);
  await place.sql(`INSERT INTO parent VALUES (1)`);
  await place.sql(`INSERT INTO child VALUES (2, 'x')`);
  const { records } = await readUnderKills(place, { config, streams: ['p'] }, [3], async () => {
    await place.sql(`ALTER TABLE p ATTACH PARTITION standalone FOR VALUES FROM (600) TO (700)`);
    // From a partition that is read to one that is not, and the other way.
    await place.sql(`UPDATE p SET id = 599 WHERE id = 1`);
    await place.sql(`UPDATE p SET id = 1 WHERE id = 500`);
  });
  const expected = [...upTo(499), ...[599], ...upTo(650).slice(599)];
  expect(once(records).filter((id) => id !== 1)).toEqual(expected.slice(1));
  const both = await place.read({ streams: ['parent'] });
  expect(both.records).toEqual(['{"id":1}', '{"id":2}']);
});

test('all of its tables are held against being rewritten before the moment that it sees: they would look empty', async () => {
  await place.sql(`CREATE TABLE p (id int) PARTITION BY RANGE (id)`);
  for (const i of [0, 1])
    await place.sql(
      `CREATE TABLE p${i} PARTITION OF p FOR VALUES FROM (${i * 200}) TO (${i * 200 + 200})`,
    );
  await place.sql(`INSERT INTO p SELECT i FROM generate_series(1, 300) i`);
  let held: readonly JsonObject[] = [];
  await place.read({
    config,
    streams: ['p'],
    async on(item) {
      if (item.type === 'BLOCK' && held.length === 0)
        held = await place.sql(
          `SELECT relation::regclass::text AS name FROM pg_locks l JOIN pg_stat_activity USING (pid)
           WHERE application_name = 'tidemark source' AND datname = current_database() AND mode = 'AccessShareLock' AND relation::regclass::text ~ '^p[01]?$' ORDER BY 1`,
        );
    },
  });
  expect(held).toEqual([{ name: 'p' }, { name: 'p0' }, { name: 'p1' }]);
});

test('what has no places of its own comes in one statement, without a state; so do partitions that may not be read by themselves', async () => {
  await place.sql(`CREATE VIEW v AS SELECT i AS id FROM generate_series(1, 300) i`);
  await place.sql(`CREATE MATERIALIZED VIEW m AS SELECT * FROM v`);
  const views = await place.read();
  expect([views.records.length, views.states, views.end!.failure]).toEqual([600, [], null]);
  await place.sql(`CREATE TABLE p (id int) PARTITION BY LIST (id)`);
  await place.sql(`CREATE TABLE p1 PARTITION OF p DEFAULT`);
  await place.sql(`INSERT INTO p VALUES (1)`);
  const reader = await roleIn(place, `GRANT SELECT ON p TO $`);
  const closed = await place.read({ config: reader });
  expect(closed.records).toEqual(['{"id":1}']);
  expect(closed.logs.join()).toContain('GRANT SELECT ON "public"."p1"');
});

test('a table without rows, and one without columns', async () => {
  await place.sql(`CREATE TABLE a_empty (id int)`);
  await place.sql(`CREATE TABLE b_bare ()`);
  await place.sql(`INSERT INTO b_bare SELECT FROM generate_series(1, 3)`);
  const { records, end, states } = await place.read();
  expect(records).toEqual(['{}', '{}', '{}']);
  expect(end).toMatchObject({
    ...{ failure: null, drained: false },
    statuses: { 'public/a_empty': 'COMPLETE', 'public/b_bare': 'COMPLETE' },
  });
  expect(states.map(({ state }) => state.stream!.stream_state)).toContainEqual({
    version: 1,
    load: { done: true },
  });
});

test('a load by a cursor that was killed goes on though every row at the highest value has moved above it', async () => {
  await place.sql(
    `CREATE TABLE t AS SELECT i AS id, i AS at, repeat('x', 100) AS pad FROM generate_series(1, 300) i`,
  );
  const { records, states } = await readUnderKills(
    place,
    { config, cursor: 'at' },
    [2],
    async () => {
      await place.sql(`UPDATE t SET at = 1000 + id WHERE id > 290`);
    },
  );
  expect(new Set(ids(records))).toEqual(new Set(upTo(300)));
  expect(ids(records).slice(-10)).toEqual(upTo(300).slice(290));
  expect((await place.read({ config, cursor: 'at', state: states })).records).toEqual([]);
});
