import { connect, createServer, type AddressInfo } from 'node:net';
import mysql from 'mysql2/promise';
import type { MysqlConfig } from '../../connectors/mysql/index.ts';
import { lockName } from '../../connectors/mysql/destination/older-sessions.ts';
import { startTcpProxy, type Cut } from '../support/tcp-proxy.ts';
import type { MysqlFlavour } from '../support/mysql-server.ts';
import { eventually } from '../worker/eventually.ts';
import { done, overwritten } from './conformance-replace.ts';
import { checkpoint, connection, epoch, failure, never, Sessions, stream } from './harness.ts';
import { createMysql, type MysqlHarness } from './mysql-harness.ts';

/** What their servers are asked beyond what all destinations are: sessions, transactions, publishing. */
export function loaderSuite(name: string, flavour: MysqlFlavour): void {
  let harness: MysqlHarness;
  let sessions: Sessions<MysqlConfig>;
  const raw: mysql.Connection[] = [];
  beforeEach(async () => {
    harness = await createMysql(flavour);
    sessions = new Sessions(harness);
  });
  afterEach(async () => {
    for (const one of raw.splice(0)) one.destroy();
    await sessions.close();
    await harness.drop();
  });
  const query: MysqlHarness['query'] = (sql) => harness.query(sql);
  const ids = async (table = 'orders'): Promise<unknown[]> =>
    (await query(`SELECT id FROM "${table}" ORDER BY id`)).map((row) => row['id']);
  const tables = async (): Promise<unknown[]> =>
    (await query('SHOW TABLES'))
      .map((row) => Object.values(row)[0]!)
      .filter((table) => !/^_tidemark_(checkpoints|tables|sessions)$/.test(table));
  const other = async (): Promise<mysql.Connection> => {
    const made = await mysql.createConnection({ uri: harness.database.url });
    made.on('error', () => undefined);
    raw.push(made);
    return made;
  };
  /** Loaders of which one has its connection cut, once. */
  const behind = async (): Promise<{
    readonly sessions: Sessions<MysqlConfig>;
    cutAt(cut: Cut): void;
    end(): Promise<void>;
  }> => {
    const { hostname, port } = new URL(harness.database.url);
    const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
    const url = new URL(harness.database.url);
    url.host = `${proxy.host}:${proxy.port}`;
    const cutOff = new Sessions({ ...harness, config: { url: url.href } });
    return {
      sessions: cutOff,
      cutAt: (cut) => proxy.cutAt(cut),
      async end() {
        expect(proxy.cuts).toBe(1);
        await cutOff.close();
        await proxy.close();
      },
    };
  };

  describe(`sessions of the ${name} loader`, () => {
    test('finds the committed checkpoint after the answer to COMMIT was lost', async () => {
      const lost = await behind();
      const { load } = await lost.sessions.open();
      lost.cutAt({ from: 'client', text: 'COMMIT', loseAnswer: true });
      const error = await failure(load('orders', ['{"id":1}'], checkpoint('orders', 1, 5)));
      expect(error.kind).toBe('transient_error');
      await lost.end();
      const next = await sessions.open({ epoch: epoch(1, 2000) });
      expect(next.held).toEqual([checkpoint('orders', 1, 5)]);
      expect(await ids()).toEqual(['1']);
    });

    test('finds neither rows nor a checkpoint after COMMIT was lost on its way', async () => {
      const lost = await behind();
      const { load } = await lost.sessions.open();
      lost.cutAt({ from: 'client', text: 'COMMIT', loseAnswer: false });
      await failure(load('orders', ['{"id":1}'], checkpoint('orders', 1, 5)));
      await lost.end();
      expect((await sessions.open({ epoch: epoch(1, 2000) })).held).toEqual([]);
      expect(await ids()).toEqual([]);
    });

    test('ends a frozen writer that holds locks, and leaves later sessions alone', async () => {
      const first = await sessions.open();
      await first.loader.close();
      const [frozen, later] = [await other(), await other()];
      for (const [session, attempt] of [
        [frozen, 1000],
        [later, 3000],
      ] as const) {
        await session.query(
          'INSERT INTO _tidemark_sessions VALUES (?, 1, ?) ON DUPLICATE KEY UPDATE sync_no = 1',
          [connection.id, attempt],
        );
        await session.query('SELECT GET_LOCK(?, 0)', [
          lockName(harness.schema, connection, epoch(1, attempt)),
        ]);
      }
      await frozen.query('START TRANSACTION');
      await frozen.query('SELECT * FROM _tidemark_checkpoints FOR UPDATE');
      const newer = await sessions.open({ epoch: epoch(1, 2000) });
      await expect(frozen.query('SELECT 1')).rejects.toThrow();
      await later.query('SELECT 1');
      await newer.load(
        'orders',
        ['{"id":2}'],
        checkpoint('orders', 1, 2, { epoch: epoch(1, 2000) }),
      );
      expect(await ids()).toEqual(['2']);
    });

    test('a writer whose session a newer one ended is told that it was fenced off', async () => {
      const { loader, sealed } = await sessions.open();
      const part = await sealed('orders', ['{"id":1}']);
      await sessions.open({ epoch: epoch(1, 2000) });
      const error = await failure(loader.commit([part], [checkpoint('orders', 1, 1)], never));
      expect(error.code).toBe('fenced');
      expect(await ids()).toEqual([]);
    });

    test('a fenced writer whose session survived cannot commit', async () => {
      const { loader, sealed } = await sessions.open();
      const part = await sealed('orders', ['{"id":1}']);
      await query('UPDATE _tidemark_checkpoints SET attempt_at = 5000');
      const error = await failure(loader.commit([part], [checkpoint('orders', 1, 1)], never));
      expect(error.code).toBe('fenced');
      expect((await failure(loader.commit([part], [], never))).code).toBe('fenced');
      await query('UPDATE _tidemark_checkpoints SET sync_no = 2, attempt_at = 0');
      expect((await failure(loader.commit([part], [], never))).code).toBe('fenced');
      expect(await ids()).toEqual([]);
    });

    test('does no DDL inside a transaction, which it would end', async () => {
      const ear = await listenTo(harness.database.url);
      const heard = new Sessions({ ...harness, config: { url: ear.url } });
      const { load } = await heard.open({ streams: [stream('orders', 'append_dedup')] });
      await load(
        'orders',
        ['{"id":1,"extra":1}', '{"id":2,"price":"x"}'],
        checkpoint('orders', 1, 1),
      );
      await load('orders', ['{"id":9223372036854775808,"more":1}'], checkpoint('orders', 2, 1));
      const whole = await heard.open({ streams: [overwritten(2)], epoch: epoch(2) });
      await whole.load('orders', ['{"id":3}'], done(2));
      await heard.close();
      await ear.close();
      const transactions = [...ear.said().matchAll(/START TRANSACTION(.*?)COMMIT/gs)];
      expect(transactions.length).toBeGreaterThan(4);
      for (const [, inside] of transactions)
        expect(inside).not.toMatch(/\b(CREATE|ALTER|DROP|RENAME|TRUNCATE)\b/);
      expect(ear.said()).toMatch(/ALTER TABLE/);
      expect(ear.said()).toMatch(/RENAME TABLE/);
    });

    test('commits again from the same parts after a deadlock', async () => {
      const { sealed, loader } = await sessions.open();
      await query(`CREATE TRIGGER conflict BEFORE INSERT ON orders FOR EACH ROW
        BEGIN
          SET @tries = coalesce(@tries, 0) + 1;
          IF @tries < 3 THEN SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213; END IF;
        END`);
      const part = await sealed('orders', ['{"id":1}']);
      const receipt = await loader.commit([part], [checkpoint('orders', 1, 1)], never);
      expect(receipt.rows).toEqual({ orders: 1 });
      expect(await ids()).toEqual(['1']);
    });

    test('an abort ends a pending statement at once, and the next open its session', async () => {
      const { sealed, loader } = await sessions.open();
      await query(
        'CREATE TRIGGER slow BEFORE INSERT ON orders FOR EACH ROW BEGIN DO sleep(600); END',
      );
      const part = await sealed('orders', ['{"id":1}']);
      const abort = new AbortController();
      const committing = failure(loader.commit([part], [checkpoint('orders', 1, 1)], abort.signal));
      await eventually('the statement runs', async () => {
        const found = await query(
          `SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep' AND db = '${harness.schema}'`,
        );
        return found.length > 0;
      });
      abort.abort();
      expect((await committing).code).toBe('aborted');
      const next = await sessions.open({ epoch: epoch(1, 2000) });
      expect(next.held).toEqual([]);
    });
  });

  describe(`a stream's data, replaced in ${name}`, () => {
    const sync = async (
      syncNo: number,
      data: readonly string[],
      of: Sessions<MysqlConfig> = sessions,
    ): Promise<void> => {
      const { load } = await of.open({ streams: [overwritten(syncNo)], epoch: epoch(syncNo) });
      await load('orders', data, done(syncNo));
    };

    test.each([
      ['before the tables are exchanged', { text: 'RENAME TABLE', loseAnswer: false }],
      ['after they were', { text: 'RENAME TABLE', loseAnswer: true }],
    ])(
      'what a commit decided is published by the next open, when the connection is cut %s',
      async (_, cut) => {
        await sync(1, ['{"id":1}']);
        const lost = await behind();
        lost.cutAt({ from: 'client', ...cut });
        expect((await failure(sync(2, ['{"id":2}'], lost.sessions))).kind).toBe('transient_error');
        await lost.end();
        const again = await sessions.open({ streams: [overwritten(2)], epoch: epoch(2, 2000) });
        expect(again.held).toEqual([expect.objectContaining({ scope: 'orders', complete: true })]);
        expect(await ids()).toEqual(['2']);
        expect(await tables()).toEqual(['orders']);
        await sync(3, ['{"id":3}']);
        expect(await ids()).toEqual(['3']);
      },
    );

    test('views stay, with the new rows in them; so do indexes and triggers', async () => {
      await sync(1, ['{"id":1}']);
      await query('CREATE VIEW ours AS SELECT id FROM orders');
      await sync(2, ['{"id":2}']);
      expect(await ids('ours')).toEqual(['2']);
      await query('CREATE INDEX mine ON orders (day)');
      await query(
        'CREATE TRIGGER mine BEFORE INSERT ON orders FOR EACH ROW SET new.name = upper(new.name)',
      );
      await sync(3, ['{"id":3,"name":"a","new_one":"x"}']);
      expect(await query('SELECT id, name, new_one FROM orders')).toEqual([
        { id: '3', name: 'A', new_one: 'x' },
      ]);
      expect((await query("SHOW INDEX FROM orders WHERE key_name = 'mine'")).length).toBe(1);
      expect(await tables()).toEqual(['orders', 'ours']);
    });
  });

  describe(`check of ${name}`, () => {
    test('tells the grant that is missing', async () => {
      const user = `u${harness.schema.slice(-12)}`;
      await query(`CREATE USER '${user}'@'%'`);
      const url = new URL(harness.database.url);
      url.username = user;
      const checked = async (): Promise<string> => {
        const error = await failure(harness.destination.check({ url: url.href }, never));
        expect(error.kind).toBe('config_error');
        return error.remedy!;
      };
      expect(await checked()).toMatch(/GRANT .*CREATE TEMPORARY TABLES/);
      await query(
        `GRANT CREATE TEMPORARY TABLES, CREATE, DROP ON "${harness.schema}".* TO '${user}'@'%'`,
      );
      expect(await checked()).toMatch(/GRANT .*ALTER/);
      await query(
        `GRANT SELECT, INSERT, UPDATE, DELETE, ALTER, INDEX ON "${harness.schema}".* TO '${user}'@'%'`,
      );
      await harness.destination.check({ url: url.href }, never);
      // These are all that a sync needs.
      const own = new Sessions({ ...harness, config: { url: url.href } });
      const { load } = await own.open({ streams: [stream('orders', 'append_dedup')] });
      await load('orders', ['{"id":1}'], checkpoint('orders', 1, 1));
      const next = await own.open({ streams: [overwritten(2)], epoch: epoch(2) });
      await next.load('orders', ['{"id":2}'], done(2));
      expect(await ids()).toEqual(['2']);
      await own.close();
      await query(`DROP USER '${user}'@'%'`);
    });

    test('encrypts when it is told to, or says why not', async () => {
      const encrypted = harness.destination.check({ ...harness.config, ssl: 'require' }, never);
      if (flavour === 'mysql') await encrypted;
      else expect((await failure(encrypted)).remedy).toMatch(/ssl/);
    });
  });
}

/** A relay that hears what the client says. */
async function listenTo(
  url: string,
): Promise<{ readonly url: string; said(): string; close(): Promise<void> }> {
  const target = new URL(url);
  let text = '';
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    client.on('data', (data) => (text += data.toString('latin1')));
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const relayed = new URL(url);
  relayed.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: relayed.href,
    said: () => text,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
