import { fromLoader } from '../../engine/writer.ts';
import type { ConfiguredCatalog } from '../../protocol/index.ts';
import { mysqlExample } from './mysql-example.ts';
import { mysqlDestination, mysqlSource, type MysqlConfig } from '../../connectors/mysql/index.ts';
import { certificateFor, type TestCertificate } from '../support/certificates.ts';
import type { RunningServer } from '../support/postgres-server.ts';
import { startMysql, type MysqlFlavour } from '../support/mysql-server.ts';
import { testMysql, type TestMysql } from '../support/mysql.ts';
import { done, overwritten } from './conformance-replace.ts';
import { checkpoint, connection, epoch, failure, never, Sessions, stream } from './harness.ts';

/** Servers that are configured otherwise, or die: not those that the tests share. */
describe.each<MysqlFlavour>(['mysql', 'mariadb'])('a %s server of its own', (flavour) => {
  let certificate: TestCertificate;
  let server: RunningServer;
  let database: TestMysql;
  let sessions: Sessions<MysqlConfig>;
  beforeAll(async () => {
    certificate = await certificateFor('localhost');
    const { ca, certificate: own, key } = certificate.files;
    server = await startMysql(flavour, [`--ssl-ca=${ca}`, `--ssl-cert=${own}`, `--ssl-key=${key}`]);
  });
  afterAll(async () => {
    await server.stop();
    await certificate.drop();
  });
  beforeEach(async () => {
    database = await testMysql(flavour, server.url);
    sessions = sessionsOf(database.url);
  });
  afterEach(async () => {
    await sessions.close();
    await database.drop();
  });
  const sessionsOf = (url: string): Sessions<MysqlConfig> =>
    new Sessions({
      destination: mysqlDestination,
      config: { url },
      schema: database.database,
      broken: {},
      query: (sql) => database.query(sql),
      drop: () => Promise.resolve(),
    });
  const refusal = async (): Promise<string> => {
    const error = await failure(mysqlDestination.check({ url: database.url }, never));
    expect(error.kind).toBe('config_error');
    return error.remedy!;
  };

  test('without local_infile, which check tells with the remedy', async () => {
    await database.query('SET GLOBAL local_infile = 0');
    expect(await refusal()).toContain('SET GLOBAL local_infile = 1');
    await database.query('SET GLOBAL local_infile = 1');
  });

  test('that wants a primary key of every table', async () => {
    const own = flavour === 'mysql' ? 'sql_require_primary_key' : 'innodb_force_primary_key';
    await database.query(`SET GLOBAL ${own} = ON`);
    expect(await refusal()).toContain('sql_generate_invisible_primary_key');
    if (flavour === 'mysql') {
      await database.query('SET GLOBAL sql_generate_invisible_primary_key = ON');
      await mysqlDestination.check({ url: database.url }, never);
      for (const syncNo of [1, 2]) {
        const streams = [overwritten(syncNo), stream('people', 'append_dedup')];
        const { load } = await sessions.open({ streams, epoch: epoch(syncNo) });
        await load('orders', [`{"id":${syncNo}}`], done(syncNo));
        const at = checkpoint('people', 1, 1, { epoch: epoch(syncNo) });
        await load('people', ['{"id":1,"my_row_id":"mine"}'], at);
      }
      expect(await database.query('SELECT id FROM orders')).toEqual([{ id: '2' }]);
      expect(await database.query('SELECT count(*) AS n FROM people')).toEqual([{ n: '1' }]);
      await database.query('SET GLOBAL sql_generate_invisible_primary_key = OFF');
    }
    await database.query(`SET GLOBAL ${own} = OFF`);
  });

  test('that has a certificate of its name: verify-full takes it from who vouches for it, under that name, and else refuses it', async () => {
    await database.query(`CREATE TABLE t (id INT)`);
    await database.query(`CREATE USER strict@'%' REQUIRE SSL`);
    await database.query(`GRANT ALL ON "${database.database}".* TO strict@'%'`);
    const other = await certificateFor('localhost');
    const at = (host: string, more: Partial<MysqlConfig>): MysqlConfig => {
      const url = new URL(database.url);
      url.username = 'strict';
      url.hostname = host;
      return { url: url.href, ...more };
    };
    const { ca } = certificate;
    const full = { ssl: 'verify-full', ssl_ca: ca } as const;
    const refused = 'The certificate of the MySQL server was refused.';
    for (const [end, origin] of [
      [mysqlDestination, 'destination'],
      [mysqlSource, 'source'],
    ] as const) {
      await end.check(at('localhost', full), never);
      const told = async (config: MysqlConfig): Promise<string> => {
        const error = await failure(end.check(config, never));
        expect([error.kind, error.origin]).toEqual(['config_error', origin]);
        expect(error.remedy).toBeDefined();
        return error.message;
      };
      expect(await told(at('localhost', { ...full, ssl_ca: other.ca }))).toBe(refused);
      expect(await told(at('localhost', { ssl: 'verify-full' }))).toBe(refused);
      // The same server under another name.
      expect(await told(at('127.1', full))).toBe(refused);
      // The driver would look for the name "localhost" in its certificate.
      expect(await told(at('127.0.0.1', full))).toBe(
        'verify-full needs the name of the MySQL server.',
      );
      // Who may only come encrypted does not get in otherwise.
      await told(at('localhost', {}));
      await end.check(at('127.0.0.1', { ssl: 'require' }), never);
    }
    await other.drop();
    await database.query(`DROP USER strict@'%'`);
  });

  test('between whose databases the examples of the documentation copy', async () => {
    await database.query('CREATE DATABASE shop');
    await database.query(`CREATE TABLE shop.orders (id INT PRIMARY KEY, updated_at DATETIME(6))`);
    await database.query(`INSERT INTO shop.orders VALUES (1, '2024-02-29 10:11:12.5'), (2, NULL)`);
    const at = (name: string): string => `mysql://root@localhost:${server.port}/${name}`;
    const environment = { SHOP_URL: at('shop'), WAREHOUSE_URL: at(database.database) };
    const source = mysqlExample('MySQL and MariaDB as a source', environment, certificate);
    const target = mysqlExample('MySQL and MariaDB', environment, certificate);
    await mysqlSource.check(source.config, never);
    await mysqlDestination.check(target.config, never);
    const { streams } = await mysqlSource.discover(source.config, never);
    const catalog: ConfiguredCatalog = {
      streams: source.streams.map(({ name, namespace, ...modes }) => ({
        stream: streams.find((one) => one.name === name && one.namespace === namespace)!,
        ...{ ...modes, generation_id: 0, minimum_generation_id: 0, sync_id: 1 },
        landing: { namespace: database.database },
      })),
    };
    const writer = await fromLoader(mysqlDestination).open({
      ...{ config: target.config, connection, catalog, epoch: epoch(1) },
      ...{ from: [], adopt: false, rowsMin: 0, permit: () => Promise.resolve() },
      cadence: { batchBytesMax: 1, intervalMsMin: 0, intervalMsMax: 60_000 },
      ...{ drain: never, abort: never },
    });
    const items = mysqlSource.read({
      ...{ config: source.config, catalog, state: [], drain: never, abort: never },
      ...{ accepts: () => ['jsonl'], checkpoints: { async *[Symbol.asyncIterator]() {} } },
    });
    for await (const { state } of writer.write(items)) expect(state).not.toBeNull();
    await writer.close();
    expect(await database.query('SELECT id, updated_at FROM orders')).toEqual([
      { id: '1', updated_at: '2024-02-29 10:11:12.5' },
    ]);
    await database.query('DROP DATABASE shop');
  });

  test('that is read-only', async () => {
    const url = new URL(database.url);
    url.username = 'plain';
    url.password = encodeURIComponent('a/b@c');
    await database.query(`CREATE USER plain@'%' IDENTIFIED BY 'a/b@c'`);
    await database.query(`GRANT ALL ON "${database.database}".* TO plain@'%'`);
    await mysqlDestination.check({ url: url.href }, never);
    await database.query('SET GLOBAL read_only = 1');
    const error = await failure(mysqlDestination.check({ url: url.href }, never));
    expect([error.kind, error.message]).toEqual(['config_error', 'The MySQL server is read-only.']);
    await database.query('SET GLOBAL read_only = 0');
    // A table of hundreds of texts: MySQL asks for a right that a plain user lacks.
    const properties = Object.fromEntries(
      Array.from({ length: 500 }, (_, i) => [`c${i}`, { type: 'string' }]),
    );
    const wide = stream('wide', 'append', {
      stream: { name: 'wide', json_schema: { properties } },
    });
    const plain = sessionsOf(url.href);
    const opened = plain.open({ streams: [wide] });
    if (flavour === 'mariadb') await opened;
    else expect((await failure(opened)).remedy).toContain('innodb_strict_mode');
    await plain.close();
  });

  test('that is killed with a commit behind it and a part on its way', async () => {
    const { load, sealed, loader } = await sessions.open();
    await load('orders', ['{"id":1}'], checkpoint('orders', 1, 5));
    const part = await sealed('orders', ['{"id":2}']);
    await server.kill();
    const error = await failure(loader.commit([part], [checkpoint('orders', 2, 6)], never));
    expect([error.kind, error.code]).toEqual(['transient_error', undefined]);
    const refused = await failure(sessions.open({ epoch: epoch(1, 2000) }));
    expect(refused.kind).toBe('transient_error');
    await server.start();
    const next = await sessions.open({ epoch: epoch(1, 3000) });
    expect(next.held).toEqual([checkpoint('orders', 1, 5)]);
    const { database: name } = database;
    database = await testMysql(flavour, server.url);
    expect(await database.query(`SELECT id FROM "${name}".orders`)).toEqual([{ id: '1' }]);
  });
});
