import { partId, streamId, SyncError } from '../../../protocol/index.ts';
import type { Warehouse } from '../../../connectors/kit/warehouse/warehouse.ts';
import {
  block,
  checkpoint,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type Session,
} from '../harness.ts';
import { eventually } from '../../worker/eventually.ts';
import type { PostgresWarehouseConfig } from './postgres-warehouse.ts';
import { createWarehouse, type WarehouseHarness } from './harness.ts';
import { gate, hooked, type Hook } from './hooks.ts';

let hooks: Hook[] = [];
/** Runs in place of the next exchange of two tables, which it is given. */
let exchanging: ((exchange: () => Promise<void>) => Promise<void>) | null = null;
let conflicts: unknown[] = [];
let tablesMax: number | undefined;
let statements: string[] = [];

const faulty = (warehouse: Warehouse): Warehouse => ({
  ...hooked(
    warehouse,
    () => hooks,
    (sql) => statements.push(sql),
  ),
  ...(tablesMax !== undefined && { tablesMax }),
  async replace(...args) {
    const hook = exchanging;
    exchanging = null;
    const exchange = () => warehouse.replace(...args);
    await (hook === null ? exchange() : hook(exchange));
  },
  isConflict: (error) => conflicts.includes(error) || warehouse.isConflict(error),
});

let harness: WarehouseHarness;
let sessions: Sessions<PostgresWarehouseConfig>;
beforeEach(async () => {
  [hooks, exchanging, conflicts, tablesMax, statements] = [[], null, [], undefined, []];
  harness = await createWarehouse(faulty);
  sessions = new Sessions(harness);
});
afterEach(async () => {
  await sessions.close();
  await harness.drop();
});

const lost = (): SyncError =>
  new SyncError('transient_error', 'The connection was lost.', { origin: 'destination' });
const exact = '0.10000000000000000001';
const prices = async (): Promise<unknown[]> =>
  (await harness.query('SELECT id, price FROM orders ORDER BY id')).map(({ id, price }) => [
    id,
    price === null ? null : price!.replace(/0+$/, ''),
  ]);
const typeOfPrice = async (): Promise<unknown> =>
  (
    await harness.query(
      `SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'price'`,
    )
  )[0]!['type'];
const ownTables = async (): Promise<unknown[]> =>
  (
    await harness.query(
      `SELECT tablename FROM pg_tables WHERE tablename ~ '^_tidemark_(part|wide|next)_'`,
    )
  ).map((row) => row['tablename']);

test('after a conflict the transaction runs again, from the rows that are loaded', async () => {
  const one = await sessions.open();
  for (const sql of [/^INSERT INTO "public"."orders"/, /^COMMIT/])
    hooks.push({
      sql,
      run: () => {
        const error = new Error('somebody else was here');
        conflicts.push(error);
        throw error;
      },
    });
  const receipt = await one.load('orders', ['{"id":1}', '{"id":2}'], checkpoint('orders', 1, 2));
  expect(receipt.rows).toEqual({ orders: 2 });
  expect(hooks).toEqual([]);
  expect(await harness.query('SELECT id FROM orders ORDER BY id')).toHaveLength(2);
});

test('what a writer staged and never committed is gone after the next open, and nothing of another connection', async () => {
  const one = await sessions.open();
  await one.sealed('orders', ['{"id":1}']);
  const other = await sessions.open({
    connection: { id: '00000000-0000-4000-8000-000000000002', name: 'other' },
    streams: [stream('others')],
  });
  await other.sealed('others', ['{"id":1}']);
  expect(await ownTables()).toHaveLength(2);
  expect(await harness.staged()).toHaveLength(2);
  await sessions.open({ epoch: epoch(1, 2000) });
  expect(await ownTables()).toHaveLength(1);
  expect(await harness.staged()).toHaveLength(1);
});

test('a part that is discarded while a file of it is sent leaves nothing', async () => {
  const { loader } = await sessions.open();
  const sending = gate();
  hooks.push({ sql: /^CREATE TABLE \S+_tidemark_part_/, run: sending.hold });
  const part = await loader.part(streamId({ name: 'orders' }), partId(epoch(1), 1));
  const filler = 'x'.repeat(2 ** 20);
  await part.append(block('orders', [`{"id":1,"name":"${filler}"}`]), never);
  // Its columns are others, so that the first file is cut.
  await part.append(block('orders', [`{"id":2,"name":"${filler}","fresh":1}`]), never);
  await sending.reached;
  const discarded = part.discard();
  sending.open();
  await discarded;
  expect([await ownTables(), await harness.staged()]).toEqual([[], []]);
});

test('nothing staged is left after a commit', async () => {
  const one = await sessions.open();
  await one.load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
  expect(await ownTables()).toEqual([]);
  expect(await harness.staged()).toEqual([]);
});

test('long states are not all in one statement', async () => {
  const names = ['a', 'b', 'c', 'd'];
  const one = await sessions.open({ streams: names.map((name) => stream(name)) });
  const insert = { sql: /^INSERT INTO \S+_tidemark_checkpoints_/, run: () => undefined };
  hooks.push(insert, insert, insert);
  const filler = 'x'.repeat(2 ** 21 - 1000);
  const at = names.map((name) => {
    const stream = { stream_descriptor: { name }, stream_state: { filler } };
    return checkpoint(name, 1, 1, { state: { type: 'STREAM', stream } });
  });
  await one.loader.commit([], at, never);
  // Two of them were met.
  expect(hooks).toEqual([insert]);
  const two = await sessions.open({ streams: names.map((name) => stream(name)), epoch: epoch(2) });
  expect(two.held).toHaveLength(4);
});

describe('a table that is written anew for a wider column', () => {
  test('is completed by the next open after a crash before the exchange', async () => {
    const one = await sessions.open();
    await one.load('orders', ['{"id":1,"price":0.5}'], checkpoint('orders', 1, 1));
    exchanging = () => Promise.reject(lost());
    const told = await failure(
      one.load('orders', [`{"id":2,"price":${exact}}`], checkpoint('orders', 2, 2)),
    );
    expect(told.kind).toBe('transient_error');
    expect(await typeOfPrice()).toBe('double precision');
    const two = await sessions.open({ epoch: epoch(1, 2000) });
    expect(await typeOfPrice()).toMatch(/^numeric/);
    expect(await prices()).toEqual([['1', '0.5']]);
    await two.load('orders', [`{"id":2,"price":${exact}}`], checkpoint('orders', 2, 2));
    expect(await prices()).toEqual([
      ['1', '0.5'],
      ['2', exact],
    ]);
    expect(await ownTables()).toEqual([]);
  });

  test('is not written by a fenced writer', async () => {
    const one = await sessions.open();
    await one.load('orders', ['{"id":1,"price":0.5}'], checkpoint('orders', 1, 1));
    const sealed = await one.sealed('orders', [`{"id":2,"price":${exact}}`]);
    await sessions.open({ epoch: epoch(1, 2000) });
    const told = await failure(one.loader.commit([sealed], [checkpoint('orders', 2, 2)], never));
    expect(told.code).toBe('fenced');
    expect(await typeOfPrice()).toBe('double precision');
  });

  test('does not come back when its writer was stopped before the exchange and goes on later', async () => {
    const one = await sessions.open();
    await one.load('orders', ['{"id":1,"price":0.5}'], checkpoint('orders', 1, 1));
    const stopped = gate();
    exchanging = async (exchange) => {
      await stopped.hold();
      await exchange();
    };
    const late = failure(
      one.load('orders', [`{"id":2,"price":${exact}}`], checkpoint('orders', 2, 2)),
    );
    await stopped.reached;
    const two = await sessions.open({ epoch: epoch(1, 2000) });
    await two.load('orders', [`{"id":3,"price":${exact}}`], checkpoint('orders', 2, 3));
    stopped.open();
    expect((await late).code).toBe('fenced');
    expect(await prices()).toEqual([
      ['1', '0.5'],
      ['3', exact],
    ]);
  });

  test('has the column that came while it was written', async () => {
    const one = await sessions.open();
    await one.load('orders', ['{"id":1,"price":0.5}'], checkpoint('orders', 1, 1));
    const first = await one.sealed('orders', [`{"id":2,"price":${exact}}`]);
    const writing = gate();
    hooks.push({ sql: /^INSERT INTO "public"."_tidemark_wide_/, run: writing.hold });
    const committed = one.loader.commit([first], [checkpoint('orders', 2, 2)], never);
    await writing.reached;
    const part = await one.loader.part(streamId({ name: 'orders' }), partId(epoch(1), 99));
    await part.append(block('orders', ['{"id":3,"fresh":"yes"}']), never);
    part.cover();
    const sealing = part.seal();
    writing.open();
    await committed;
    await one.loader.commit([await sealing], [checkpoint('orders', 3, 3)], never);
    expect(await harness.query('SELECT id, fresh FROM orders ORDER BY id')).toEqual([
      { id: '1', fresh: null },
      { id: '2', fresh: null },
      { id: '3', fresh: 'yes' },
    ]);
  });

  test('holds what was staged for it before, or stays as it is', async () => {
    const one = await sessions.open();
    const part = await one.loader.part(streamId({ name: 'orders' }), partId(epoch(1), 1));
    // No decimal of 38 digits holds both.
    for (const price of ['1e300', exact])
      await part.append(block('orders', [`{"id":1,"price":${price}}`]), never);
    part.cover();
    const receipt = await one.loader.commit(
      [await part.seal()],
      [checkpoint('orders', 1, 1)],
      never,
    );
    expect([receipt.rows, receipt.nulled]).toEqual([{ orders: 2 }, { orders: 1 }]);
    expect(await typeOfPrice()).toBe('double precision');
  });
});

test('a commit of more streams than a transaction holds is several: what is durable when one fails, and no more, is there for the next writer', async () => {
  // With the checkpoints and the owners: one stream each.
  tablesMax = 3;
  const streams = [stream('orders'), stream('people')];
  const one = await sessions.open({ streams });
  const commit = async (of: Session, n: number) => {
    const parts = [
      await of.sealed('orders', [`{"id":${n}}`]),
      await of.sealed('people', ['{"id":1}']),
    ];
    const at = ['orders', 'people'].map((scope) => checkpoint(scope, n, n));
    return of.loader.commit(parts, at, never);
  };
  expect((await commit(one, 1)).rows).toEqual({ orders: 1, people: 1 });
  hooks.push({
    sql: /^INSERT INTO "public"."people"/,
    run: () => {
      throw lost();
    },
  });
  await failure(commit(one, 2));
  const next = await sessions.open({ streams, epoch: epoch(1, 2000) });
  expect(next.held!.toSorted((a, b) => (a.scope < b.scope ? -1 : 1))).toEqual([
    checkpoint('orders', 2, 2),
    checkpoint('people', 1, 1),
  ]);
  expect(await harness.query('SELECT id FROM orders ORDER BY id')).toHaveLength(2);
  expect(await harness.query('SELECT id FROM people')).toHaveLength(1);
  expect(await ownTables()).toEqual([]);
});

test('the table of owners, which all connections share, is changed by two statements, however many streams are new', async () => {
  const streams = ['a', 'b', 'c'].map((name) => stream(name));
  statements = [];
  await sessions.open({ streams });
  const changes = statements
    .slice(statements.indexOf('BEGIN TRANSACTION'))
    .filter((sql) => /^(DELETE FROM|INSERT INTO) "public"."_tidemark_tables"/.test(sql));
  expect(changes).toHaveLength(2);
  const owners = await harness.query(
    `SELECT stream FROM _tidemark_tables WHERE stream <> '' ORDER BY stream`,
  );
  expect(owners.map((row) => row['stream'])).toEqual(['a', 'b', 'c']);
});

test('of two connections that take one new table at the same moment one is refused', async () => {
  const first = gate();
  hooks.push({ sql: /^DELETE FROM "public"."_tidemark_tables"/, run: first.hold });
  const one = sessions.open();
  await first.reached;
  const connection = { id: '00000000-0000-4000-8000-000000000002', name: 'other' };
  const other = failure(sessions.open({ connection }));
  // It waits for the first, or has gone past it.
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const isSettled = other.then(() => true);
  await eventually(
    'the other waits',
    async () =>
      (await harness.query(waiting)).length > 0 ||
      (await Promise.race([isSettled, Promise.resolve(false)])),
  );
  first.open();
  expect((await other).message).toContain('Another connection owns the target table.');
  await (await one).load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
  const owners = `SELECT stream FROM _tidemark_tables WHERE table_name = 'orders'`;
  expect(await harness.query(owners)).toHaveLength(1);
});
