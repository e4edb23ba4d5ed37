import mysql from 'mysql2';
import { mysqlDestination, type MysqlConfig } from '../../connectors/mysql/index.ts';
import type { MysqlFlavour } from '../support/mysql-server.ts';
import { testMysql, type TestMysql } from '../support/mysql.ts';
import { createDdlGuard, listen } from './ddl-guard.ts';
import { changedUrl, type Harness } from './harness.ts';

export interface MysqlHarness extends Harness<MysqlConfig> {
  readonly database: TestMysql;
}

const guard = createDdlGuard();
for (const method of ['query', 'execute'] as const) listen(mysql.Connection, method, guard);

/** A database of its own. */
export async function createMysql(flavour: MysqlFlavour): Promise<MysqlHarness> {
  const database = await testMysql(flavour);
  const changed = (change: (url: URL) => void): MysqlConfig => changedUrl(database.url, change);
  return {
    database,
    destination: mysqlDestination,
    config: { url: database.url },
    schema: database.database,
    broken: {
      'unknown user': changed((url) => (url.username = 'nobody_here')),
      'unknown database': changed((url) => (url.pathname = '/no_such_database')),
      'unreadable URL': { url: 'mysql://[nowhere' },
      'no database': changed((url) => (url.pathname = '/')),
      'unknown host': changed((url) => (url.hostname = 'no-such-host.invalid')),
      'a certificate of nobody': {
        ...changed((url) => (url.hostname = 'localhost')),
        ssl: 'verify-full',
      },
      'an address, which no certificate names': {
        ...changed((url) => (url.hostname = '127.0.0.1')),
        ssl: 'verify-full',
      },
    },
    query: (sql) => database.query(sql),
    async drop() {
      await database.drop();
      guard.check();
    },
  };
}
