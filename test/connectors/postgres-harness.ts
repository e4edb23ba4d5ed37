import pg from 'pg';
import type { PostgresConfig } from '../../connectors/postgres/destination/config.ts';
import { postgresDestination } from '../../connectors/postgres/destination/destination.ts';
import { testDatabase } from '../support/postgres.ts';
import { createDdlGuard, listen } from './ddl-guard.ts';
import { changedUrl, type Harness, type TextRow } from './harness.ts';

const booleanOid = 16;
/** Values as Postgres writes them, not as the driver reads them. */
const asText = {
  getTypeParser: (oid: number) =>
    oid === booleanOid ? (v: string) => (v === 't' ? 'true' : 'false') : (v: string) => v,
};

const guard = createDdlGuard([
  /^CREATE TABLE "\w+"\."_tidemark_check_/,
  // To publish.
  /^ALTER (TABLE|INDEX) [^,]* RENAME TO /,
  /^DROP TABLE (IF EXISTS )?"/,
  // Into a table that people have built upon.
  /^ALTER TABLE "public"\."orders" ADD COLUMN "new_one" /,
  /^GRANT /,
]);
listen(pg.Client, 'query', guard);

/** A database of its own. */
export async function createPostgres(): Promise<Harness<PostgresConfig>> {
  const database = await testDatabase();
  const client = new pg.Client({ connectionString: database.url, types: asText as never });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SET timezone = 'UTC'`);
  const changed = (change: (url: URL) => void): PostgresConfig => changedUrl(database.url, change);
  return {
    destination: postgresDestination,
    config: { url: database.url },
    schema: 'public',
    broken: {
      'unknown user': changed((url) => (url.username = 'nobody_here')),
      'unknown database': changed((url) => (url.pathname = '/no_such_database')),
      'unreadable URL': { url: 'postgres://[nowhere' },
      'unknown host': changed((url) => (url.hostname = 'no-such-host.invalid')),
    },
    async query(sql) {
      const { rows, fields } = await client.query<(string | null)[]>({
        text: sql,
        rowMode: 'array',
      });
      // Not the driver's objects: a column may be called __proto__.
      return rows.map((row): TextRow =>
        Object.fromEntries(fields.map(({ name }, i) => [name, row[i]!])),
      );
    },
    async drop() {
      await client.end();
      await database.drop();
      guard.check();
    },
  };
}
