import { connect, createServer } from 'node:net';
import pg from 'pg';
import type { PostgresConfig } from '../../connectors/postgres/destination/config.ts';
import { asPostgresError } from '../../connectors/postgres/errors.ts';
import { partId, streamId, SyncError, type JsonObject } from '../../protocol/index.ts';
import { destinationSuite } from './conformance.ts';
import { createPostgres } from './postgres-harness.ts';
import { done, overwritten, replaceSuite } from './conformance-replace.ts';
import {
  block,
  checkpoint,
  epoch,
  failure,
  never,
  Sessions,
  stream,
  type Harness,
} from './harness.ts';

destinationSuite({ name: 'Postgres', create: createPostgres });
replaceSuite({ name: 'Postgres', create: createPostgres });

describe('a Postgres table that people have built upon', () => {
  let harness: Harness<PostgresConfig>;
  let sessions: Sessions<PostgresConfig>;
  beforeEach(async () => {
    harness = await createPostgres();
    sessions = new Sessions(harness);
  });
  afterEach(async () => {
    await sessions.close();
    await harness.drop();
  });
  const sync = async (
    syncNo: number,
    data: readonly string[],
    schema?: JsonObject,
  ): Promise<void> => {
    const configured = overwritten(
      syncNo,
      schema === undefined ? {} : { stream: { name: 'orders', json_schema: schema } },
    );
    const { load } = await sessions.open({ streams: [configured], epoch: epoch(syncNo) });
    await load('orders', data, done(syncNo));
  };
  const ids = async (from: string): Promise<unknown[]> =>
    (await harness.query(`SELECT id FROM ${from} ORDER BY id`)).map((row) => row['id']);

  test('keeps its views, with the new rows in them', async () => {
    await sync(1, ['{"id":1}']);
    await harness.query('CREATE VIEW ours AS SELECT id FROM orders');
    await sync(2, ['{"id":2,"new_one":"x"}', '{"id":3}']);
    expect(await ids('ours')).toEqual(['2', '3']);
    expect(await harness.query('SELECT new_one FROM orders WHERE id = 2')).toEqual([
      { new_one: 'x' },
    ]);
    expect(
      await harness.query(`SELECT relname FROM pg_class WHERE relname LIKE '\\_tidemark\\_next%'`),
    ).toEqual([]);
  });

  test('keeps its indexes', async () => {
    await sync(1, ['{"id":1}']);
    await harness.query('CREATE INDEX ours ON orders (name)');
    await sync(2, ['{"id":2}']);
    expect(await ids('orders')).toEqual(['2']);
    expect(
      await harness.query(`SELECT tablename FROM pg_indexes WHERE indexname = 'ours'`),
    ).toEqual([{ tablename: 'orders' }]);
  });

  test('keeps who may read it', async () => {
    await sync(1, ['{"id":1}']);
    await harness.query('GRANT SELECT ON orders TO PUBLIC');
    await sync(2, ['{"id":2}']);
    expect(
      await harness.query(
        `SELECT grantee FROM information_schema.role_table_grants WHERE table_name = 'orders' AND grantee = 'PUBLIC'`,
      ),
    ).toEqual([{ grantee: 'PUBLIC' }]);
  });

  test('is left as it was when a column under a view has another type now', async () => {
    await sync(1, ['{"id":1}']);
    await harness.query('CREATE VIEW ours AS SELECT id FROM orders');
    const error = await failure(
      sync(2, ['{"id":"x"}'], { properties: { id: { type: 'string' } } }),
    );
    expect(error).toMatchObject({ kind: 'config_error', stream: 'orders' });
    expect(error.place).toContain('id');
    expect(await ids('ours')).toEqual(['1']);
  });
});

/** A TCP relay before the server. `cut` drops the answer to the next COMMIT, and the connection with it. */
async function relayTo(url: string): Promise<{ url: string; cut(): void; close(): Promise<void> }> {
  const target = new URL(url);
  let armed = false;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    let cutting = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    client.on('data', (data) => {
      if (armed && data.includes('COMMIT')) cutting = true;
      upstream.write(data);
    });
    upstream.on('data', (data) => (cutting ? end() : client.write(data)));
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relayed = new URL(url);
  relayed.hostname = '127.0.0.1';
  relayed.port = String((server.address() as { port: number }).port);
  return {
    url: relayed.href,
    cut: () => (armed = true),
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function until(condition: () => Promise<boolean>, msMax = 10_000): Promise<void> {
  const deadline = Date.now() + msMax;
  while (!(await condition()))
    if (Date.now() > deadline) throw new Error('It did not happen in time.');
}

test.each([
  ['28P01', 'config_error'],
  ['42501', 'config_error'],
  ['53300', 'transient_error'],
  ['57P01', 'transient_error'],
  ['ECONNREFUSED', 'transient_error'],
  ['ECONNRESET', 'transient_error'],
  ['42703', 'system_error'],
])('the driver’s error %s is a %s', (code, kind) => {
  const error = asPostgresError(Object.assign(new Error('with a secret'), { code }));
  expect(error.kind).toBe(kind);
  expect(JSON.stringify(error.toFailure())).not.toContain('secret');
});

test('an error that is ours is no lost connection', () => {
  const error = asPostgresError(new TypeError('undefined is not a function'));
  expect(error.kind).toBe('system_error');
  expect(error.message).not.toContain('connection');
});

describe('the Postgres loader', () => {
  let harness: Harness<PostgresConfig>;
  let sessions: Sessions<PostgresConfig>;
  beforeEach(async () => {
    harness = await createPostgres();
    sessions = new Sessions(harness);
  });
  afterEach(async () => {
    await sessions.close();
    await harness.drop();
  });
  const thrown = async (work: Promise<unknown>): Promise<SyncError> => {
    const error: unknown = await work.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SyncError);
    return error as SyncError;
  };

  test('finds the committed checkpoint after the answer to COMMIT was lost', async () => {
    const relay = await relayTo(harness.config.url!);
    const behind = new Sessions({ ...harness, config: { url: relay.url } });
    const { load } = await behind.open();
    relay.cut();
    const error = await thrown(load('orders', ['{"id":1}'], checkpoint('orders', 1, 5)));
    expect(error.kind).toBe('transient_error');
    const next = await sessions.open({ epoch: epoch(1, 2000) });
    expect(next.held).toEqual([checkpoint('orders', 1, 5)]);
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
    await behind.close();
    await relay.close();
  });

  test('ends a frozen writer that holds locks, and leaves its own and later sessions alone', async () => {
    const { loader, sealed } = await sessions.open();
    const part = await sealed('orders', ['{"id":1}']);
    // What a frozen writer leaves behind: a transaction, idle, that has locked the connection's rows.
    const [me] = await harness.query(
      `SELECT application_name AS name FROM pg_stat_activity WHERE application_name LIKE 'tidemark/%' AND datname = current_database()`,
    );
    const frozen = new pg.Client({
      connectionString: harness.config.url,
      application_name: String(me!['name']),
    });
    const ended = new Promise<void>((resolve) => frozen.on('error', () => resolve()));
    await frozen.connect();
    await frozen.query('BEGIN');
    await frozen.query('SELECT * FROM _tidemark_checkpoints FOR UPDATE');
    const newer = await sessions.open({ epoch: epoch(1, 2000) });
    await ended;
    expect((await thrown(loader.commit([part], [checkpoint('orders', 1, 1)], never))).kind).toBe(
      'transient_error',
    );
    await newer.load('orders', ['{"id":2}'], checkpoint('orders', 1, 2, { epoch: epoch(1, 2000) }));
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '2' }]);
  });

  test('a fenced writer whose session survived cannot commit', async () => {
    const { loader, sealed } = await sessions.open();
    const part = await sealed('orders', ['{"id":1}']);
    await harness.query('UPDATE _tidemark_checkpoints SET attempt_at = 5000');
    const error = await thrown(loader.commit([part], [checkpoint('orders', 1, 1)], never));
    expect(error.code).toBe('fenced');
    expect((await thrown(loader.commit([part], [], never))).code).toBe('fenced');
    await harness.query('UPDATE _tidemark_checkpoints SET sync_no = 2, attempt_at = 0');
    expect((await thrown(loader.commit([part], [], never))).code).toBe('fenced');
    expect(await harness.query('SELECT id FROM orders')).toEqual([]);
  });

  test('commits again from the same parts after a deadlock', async () => {
    const { sealed, loader } = await sessions.open();
    await harness.query('CREATE SEQUENCE tries');
    await harness.query(`CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN IF nextval('tries') < 3 THEN RAISE EXCEPTION SQLSTATE '40P01'; END IF; RETURN NEW; END $$`);
    await harness.query(
      'CREATE TRIGGER conflict BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION conflict()',
    );
    const part = await sealed('orders', ['{"id":1}']);
    const receipt = await loader.commit([part], [checkpoint('orders', 1, 1)], never);
    expect(receipt.rows).toEqual({ orders: 1 });
    expect(await harness.query('SELECT id FROM orders')).toEqual([{ id: '1' }]);
  });

  test('an abort ends a pending statement at once', async () => {
    const { sealed, loader } = await sessions.open();
    await harness.query(`CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$`);
    await harness.query(
      'CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION slow()',
    );
    const part = await sealed('orders', ['{"id":1}']);
    const abort = new AbortController();
    const committing = thrown(loader.commit([part], [checkpoint('orders', 1, 1)], abort.signal));
    await until(async () => {
      const asleep = await harness.query(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`,
      );
      return asleep.length > 0;
    });
    abort.abort();
    expect((await committing).code).toBe('aborted');
    // The next open ends the session that still sleeps.
    const next = await sessions.open({ epoch: epoch(1, 2000) });
    expect(next.held).toEqual([]);
  });

  test('NUL characters become NULL, with an entry', async () => {
    const { load } = await sessions.open();
    const receipt = await load(
      'orders',
      ['{"id":1,"name":"a\\u0000b","doc":{"x\\u0000":1},"ok":true,"k\\u0000":1}'],
      checkpoint('orders', 1, 1),
    );
    expect(receipt.nulled).toEqual({ orders: 3 });
    expect(await harness.query('SELECT id, name, doc, ok FROM orders')).toEqual([
      { id: '1', name: null, doc: null, ok: 'true' },
    ]);
  });

  test('an integer past 64 bits does not fit a bigint column: NULL, counted', async () => {
    const { load } = await sessions.open();
    const receipt = await load(
      'orders',
      ['{"id":9223372036854775807}', '{"id":9223372036854775808}', '{"id":3.0}'],
      checkpoint('orders', 1, 1),
    );
    expect(receipt.nulled).toEqual({ orders: 1 });
    expect(await harness.query('SELECT id FROM orders ORDER BY id')).toEqual([
      { id: '3' },
      { id: '9223372036854775807' },
      { id: null },
    ]);
  });

  test('an altered column keeps its type: what would be cut does not fit', async () => {
    const { load } = await sessions.open();
    await harness.query(
      'ALTER TABLE orders ALTER COLUMN name TYPE varchar(3), ALTER COLUMN price TYPE numeric(6,2)',
    );
    const next = await sessions.open({ epoch: epoch(2) });
    expect(load).toBeDefined();
    const receipt = await next.load(
      'orders',
      ['{"id":1,"name":"abcd","price":1.005}', '{"id":2,"name":"abc","price":1.5}'],
      checkpoint('orders', 1, 1, { epoch: epoch(2) }),
    );
    expect(receipt.nulled).toEqual({ orders: 2 });
    expect(await harness.query('SELECT name, price FROM orders ORDER BY id')).toEqual([
      { name: null, price: null },
      { name: 'abc', price: '1.50' },
    ]);
  });

  test('a part takes blocks while another is sealed, and its memory stays bounded', async () => {
    const { loader } = await sessions.open({ streams: [stream('orders'), stream('people')] });
    const orders = await loader.part(streamId({ name: 'orders' }), partId(epoch(1), 1));
    const people = await loader.part(streamId({ name: 'people' }), partId(epoch(1), 2));
    await orders.append(block('orders', ['{"id":1}']), never);
    orders.cover();
    const [sealed] = await Promise.all([
      orders.seal(),
      people.append(block('people', ['{"id":2}']), never),
    ]);
    people.cover();
    const receipt = await loader.commit(
      [sealed, await people.seal()],
      [checkpoint('orders', 1, 1)],
      never,
    );
    expect(receipt.rows).toEqual({ orders: 1, people: 1 });
  });
});
