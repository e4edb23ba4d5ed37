import { randomBytes } from 'node:crypto';
import pg from 'pg';

export interface TestDatabase {
  readonly url: string;
  query<R extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<R[]>;
  drop(): Promise<void>;
}

function serverUrl(): string {
  const url = process.env['TEST_POSTGRES_URL'];
  if (url) return url;
  throw new Error(
    'TEST_POSTGRES_URL is not set. Run the tests with `npm test`, which starts a Postgres server.',
  );
}

export interface DatabaseOptions {
  /** Default: the test server. */
  readonly server?: string;
  /** A directory of the server's user, where its tables go instead. */
  readonly place?: string;
}

/** A fresh database, with a connection of its own to look inside, which is made anew when the server was away. */
export async function testDatabase({
  server = serverUrl(),
  place,
}: DatabaseOptions = {}): Promise<TestDatabase> {
  const name = `tidemark_${randomBytes(6).toString('hex')}`;
  if (place !== undefined) await runOn(server, `CREATE TABLESPACE "${name}" LOCATION '${place}'`);
  const there = place === undefined ? '' : ` TABLESPACE "${name}"`;
  await runOn(server, `CREATE DATABASE "${name}"${there}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  const own = { connectionString: url.href, application_name: 'tidemark-test' };
  const pool = new pg.Pool({ ...own, max: 1, idleTimeoutMillis: 0 });
  // A server that is killed on purpose must not end the test process.
  pool.on('error', () => undefined);
  return {
    url: url.href,
    async query<R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) {
      return (await pool.query<R>(sql, [...values])).rows;
    },
    async drop() {
      await pool.end();
      await runOn(server, `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
      if (place !== undefined) await runOn(server, `DROP TABLESPACE "${name}"`);
    },
  };
}

async function runOn(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
