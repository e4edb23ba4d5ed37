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

/** A fresh database on the test server, with a connection of its own to look inside. */
export async function testDatabase(): Promise<TestDatabase> {
  const name = `tidemark_${randomBytes(6).toString('hex')}`;
  await once(serverUrl(), `CREATE DATABASE "${name}"`);
  const url = new URL(serverUrl());
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href, application_name: 'tidemark-test' });
  // A server that is killed on purpose must not end the test process.
  client.on('error', () => undefined);
  await client.connect();
  return {
    url: url.href,
    async query<R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) {
      return (await client.query<R>(sql, [...values])).rows;
    },
    async drop() {
      await client.end();
      await once(serverUrl(), `DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    },
  };
}

async function once(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
