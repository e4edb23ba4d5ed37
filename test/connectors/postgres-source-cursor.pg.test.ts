import { hashesMax } from '../../connectors/kit/tables-source/pass.ts';
import type { StateMessage } from '../../protocol/index.ts';
import {
  failureOf,
  openPostgresPlace,
  readUnderKills,
  sorted,
  type Outcome,
  type PostgresPlace,
} from './postgres-source-harness.ts';

let place: PostgresPlace;
beforeEach(async () => {
  place = await openPostgresPlace();
});
afterEach(() => place.database.drop());

const cursor = 'at';
const ids = (records: readonly string[]): number[] =>
  records.map((text) => (JSON.parse(text) as { id: number }).id);
const stateOf = ({ states }: Outcome): readonly StateMessage[] => states.slice(-1);
const held = ({ states }: Outcome): unknown => states.at(-1)!.state.stream!.stream_state;

/** One value of every kind of cursor, rising. */
const kinds: Readonly<Record<string, string>> = {
  smallint: 'i',
  bigint: '9007199254740990 + i',
  numeric: `(i / 3) + 0.5`,
  'double precision': 'i / 7.0',
  real: 'i / 7.0',
  date: `date '2024-01-30' + i / 3`,
  timestamp: `timestamp '2024-05-06 07:08:09.123456' + i / 3 * interval '0.000001 s'`,
  timestamptz: `timestamptz '2024-05-06 07:08:09.123456+02' + i * interval '1 h'`,
  text: `'é"''\\' || chr(65 + i / 3)`,
  'character(5)': 'chr(65 + i / 2)',
  uuid: `lpad(to_hex(i / 2), 32, '0')::uuid`,
};

test.each(Object.entries(kinds))(
  'by a cursor of type %s: the first sync reads all, the next what is new, and what comes late at the last value',
  async (type, value) => {
    await place.sql(`CREATE TABLE t (id int PRIMARY KEY, at ${type})`);
    const add = (from: number, to: number): Promise<unknown> =>
      place.sql(
        `INSERT INTO t SELECT i, (${value})::${type} FROM generate_series(${from}, ${to}) i`,
      );
    await add(1, 20);
    const one = await place.read({ cursor });
    expect(one.end).toMatchObject({ failure: null });
    expect(ids(one.records)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect((await place.read({ cursor, state: stateOf(one) })).records).toEqual([]);
    await place.sql(`INSERT INTO t SELECT 0, at FROM t ORDER BY at DESC LIMIT 1`);
    await add(21, 30);
    const two = await place.read({ cursor, state: stateOf(one) });
    expect(ids(two.records)[0]).toBe(0);
    expect(ids(two.records).sort((a, b) => a - b)).toEqual([
      0,
      ...Array.from({ length: 10 }, (_, i) => 21 + i),
    ]);
    expect((await place.read({ cursor, state: stateOf(two) })).records).toEqual([]);
  },
);

test.each(['id int PRIMARY KEY', 'id int'])(
  'killed after each of its states, first while it is stored, then in order, no row comes twice and none is left out (%s)',
  async (id) => {
    await place.sql(`CREATE TABLE t (${id}, at int, pad text)`);
    const add = (from: number, to: number): Promise<unknown> =>
      place.sql(
        `INSERT INTO t SELECT i, i / 7, repeat('x', 100) FROM generate_series(${from}, ${to}) i`,
      );
    await add(1, 300);
    const config = { checkpoint_pages: 1, checkpoint_records: 5 };
    const kills = Array.from({ length: 12 }, () => 1);
    let added = 300;
    const one = await readUnderKills(place, { cursor, config }, [1, 1, 1], async () => {
      await add(added + 1, (added += 40));
    });
    expect(sorted(one.records)).toEqual(sorted((await place.read()).records));
    await add(added + 1, added + 100);
    const two = await readUnderKills(place, { cursor, config, state: one.states }, kills);
    expect(ids(two.records)).toHaveLength(100);
    expect(sorted([...one.records, ...two.records])).toEqual(sorted((await place.read()).records));
  },
);

test('a row that changes at the very value up to which was read comes again; the same row twice is two rows', async () => {
  await place.sql(`CREATE TABLE t (id int, at int, note text)`);
  await place.sql(`INSERT INTO t VALUES (1, 5, 'a'), (1, 5, 'a'), (2, 5, 'b')`);
  const one = await place.read({ cursor });
  expect(one.records).toHaveLength(3);
  await place.sql(`UPDATE t SET note = 'c' WHERE id = 2`);
  await place.sql(`INSERT INTO t VALUES (1, 5, 'a')`);
  const two = await place.read({ cursor, state: stateOf(one) });
  expect(sorted(two.records)).toEqual(['{"id":1,"at":5,"note":"a"}', '{"id":2,"at":5,"note":"c"}']);
});

test.each([
  ['numeric', ['1.0', '1.00', '1', '1.000', '2.50', '2.5']],
  ['double precision', ['-0', '0', '-0', '0', '1', '1.0']],
  ['character(4)', ['a', 'a ', 'a  ', 'b', 'b   ', 'b ']],
])('values that are equal count as one, however they are written (%s)', async (type, values) => {
  await place.sql(`CREATE TABLE t (id int, at ${type})`);
  await place.sql(`CREATE VIEW v AS SELECT * FROM t`);
  for (const [i, value] of values.entries())
    await place.sql(`INSERT INTO t VALUES (${i}, '${value}')`);
  const options = { cursor, streams: ['v'], config: { checkpoint_records: 1 } };
  const { records } = await readUnderKills(place, options, [2, 1, 1, 1, 1, 1]);
  expect(ids(records).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
});

test('rows without a value in their cursor, or an infinite one, come in the first sync, and are told', async () => {
  await place.sql(`CREATE TABLE t (id int, at timestamptz)`);
  await place.sql(
    `INSERT INTO t VALUES (1, NULL), (2, 'infinity'), (3, '2024-01-01Z'), (4, '-infinity')`,
  );
  const one = await place.read({ cursor });
  expect(ids(one.records)).toEqual([1, 2, 3, 4]);
  expect(one.logs).toEqual([
    'public/t: 2 rows have no value, or an infinite one, in at. They are read in the first sync only: later ones are not found.',
  ]);
  await place.sql(`INSERT INTO t VALUES (5, NULL), (6, '2024-01-02Z')`);
  const two = await place.read({ cursor, state: stateOf(one) });
  expect(ids(two.records)).toEqual([6]);
  expect(two.logs[0]).toContain('3 rows');
});

test('a table that is empty, or has no value at all, at first', async () => {
  await place.sql(`CREATE TABLE t (id int, at int)`);
  const one = await place.read({ cursor });
  expect(held(one)).toEqual({ version: 1, cursor_field: 'at', cursor: null, place: null });
  await place.sql(`INSERT INTO t VALUES (1, NULL)`);
  await place.sql(`INSERT INTO t VALUES (2, 1), (3, 2)`);
  const two = await place.read({ cursor, state: stateOf(one) });
  expect(ids(two.records)).toEqual([2, 3]);
  await place.sql(`DELETE FROM t WHERE id = 3`);
  const three = await place.read({ cursor, state: stateOf(two) });
  await place.sql(`INSERT INTO t VALUES (4, 2)`);
  expect(ids((await place.read({ cursor, state: stateOf(three) })).records)).toEqual([4]);
});

test('a look-back finds rows that are committed late, and sends nothing again', async () => {
  await place.sql(`CREATE TABLE t (id int, at timestamptz)`);
  const add = (id: number, minute: number): Promise<unknown> =>
    place.sql(
      `INSERT INTO t VALUES (${id}, '2024-01-01 12:00Z'::timestamptz + interval '${minute} min')`,
    );
  for (const id of [1, 2, 3]) await add(id, id * 10);
  const config = { look_back: '15 min' };
  const one = await place.read({ cursor, config });
  await add(4, 16);
  await add(5, 14);
  await add(6, 40);
  const two = await place.read({ cursor, config, state: stateOf(one) });
  expect(ids(two.records)).toEqual([4, 6]);
  expect((await place.read({ cursor, config, state: stateOf(two) })).records).toEqual([]);
  // One that is set later counts from what was read.
  const wide = await place.read({ cursor, config: { look_back: '1 h' }, state: stateOf(two) });
  expect(new Set(ids(wide.records))).toEqual(new Set([1, 2, 4, 5]));
});

test.each([
  ['with a key', 'id int PRIMARY KEY'],
  ['without a key', 'id int'],
])(
  'more rows at the last value than are remembered, %s: none comes twice, and it is told what is not found',
  async (_, id) => {
    const many = hashesMax + 100;
    await place.sql(`CREATE TABLE t (${id}, at int)`);
    await place.sql(`INSERT INTO t SELECT i, 7 FROM generate_series(1, ${many}) i`);
    const one = await place.read({ cursor });
    expect(one.records).toHaveLength(many);
    expect((await place.read({ cursor, state: stateOf(one) })).records).toEqual([]);
    await place.sql(`INSERT INTO t VALUES (${many + 1}, 7), (-1, 7), (${many + 2}, 8)`);
    const two = await place.read({ cursor, state: stateOf(one) });
    const isKeyed = id !== 'id int';
    expect(ids(two.records)).toEqual(isKeyed ? [many + 1, many + 2] : [many + 2]);
    await place.sql(`INSERT INTO t SELECT i, 9 FROM generate_series(10001, ${10_000 + many}) i`);
    const three = await place.read({ cursor, state: stateOf(two) });
    expect(three.records).toHaveLength(many);
    expect(three.logs.join()).toContain('found by a look_back only');
    expect((await place.read({ cursor, state: stateOf(three) })).records).toEqual([]);
  },
);

test('a view goes on in the order of its cursor, killed anywhere', async () => {
  await place.sql(`CREATE TABLE t (id int, at int)`);
  await place.sql(`INSERT INTO t SELECT i, NULLIF(i / 3, 2) FROM generate_series(1, 100) i`);
  await place.sql(`CREATE VIEW v AS SELECT id, at FROM t`);
  const options = { cursor, streams: ['v'], config: { checkpoint_records: 10 } };
  const { records, states } = await readUnderKills(place, options, [1, 1, 2, 1]);
  expect(ids(records).sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  await place.sql(`INSERT INTO t VALUES (101, 99)`);
  expect(ids((await place.read({ ...options, state: states })).records)).toEqual([101]);
});

test('a cursor without an order is refused by name, with those that would do; so is another one than before', async () => {
  await place.sql(`CREATE TABLE t (id int, at jsonb, flag boolean, seen timestamptz)`);
  const unordered = failureOf(await place.read({ cursor }));
  expect(unordered).toMatchObject({
    kind: 'config_error',
    place: 'stream public.t: cursor_field at',
    remedy: expect.stringContaining('of: id, seen;') as string,
  });
  expect(failureOf(await place.read({ cursor: 'nowhere' }))).toMatchObject({
    kind: 'config_error',
  });
  const one = await place.read({ cursor: 'id' });
  const other = failureOf(await place.read({ cursor: 'seen', state: stateOf(one) }));
  expect(other).toMatchObject({
    ...{ kind: 'config_error', stream: 'public/t' },
    remedy: expect.stringContaining('tidemark refresh') as string,
  });
});
