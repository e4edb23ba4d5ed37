import pg from 'pg';
import { checkpointTable, sessionTable } from '../../connectors/kit/ledger.ts';
import { shortHash } from '../../connectors/kit/identifiers.ts';
import { redshiftDestination, type RedshiftConfig } from '../../connectors/redshift/index.ts';
import { testRedshift, type TestRedshift } from '../support/redshift.ts';
import { createDdlGuard, listen } from './ddl-guard.ts';
import { changedUrl, connection, type Harness, type TextRow } from './harness.ts';
import { createRecorder } from './warehouse/statements.ts';

export interface RedshiftHarness extends Harness<RedshiftConfig> {
  readonly redshift: TestRedshift;
}

const booleanOid = 16;
/** Values as the server writes them, not as the driver reads them. */
const asText = {
  getTypeParser: (oid: number) =>
    oid === booleanOid ? (v: string) => (v === 't' ? 'true' : 'false') : (v: string) => v,
};

const guard = createDdlGuard([
  // To replace a table.
  /^ALTER TABLE \S+ RENAME TO /,
  /^DROP TABLE (IF EXISTS )?"/,
]);
listen(pg.Client, 'query', guard);

export const redshiftRecorder = createRecorder('redshift.sql');
interface Connected {
  readonly connectionParameters: { readonly application_name?: string };
}
/** The product's connections say their name, those of the tests do not. */
listen(pg.Client, 'query', {
  said(client, sql) {
    const { application_name } = (client as Connected).connectionParameters;
    if (application_name === 'tidemark') redshiftRecorder.said(sql);
  },
});

/** A database of its own. */
export async function createRedshift(): Promise<RedshiftHarness> {
  const redshift = await testRedshift();
  const { config } = redshift;
  const client = new pg.Client({ connectionString: config.url, types: asText as never });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SET timezone = 'UTC'`);
  const changed = (change: (url: URL) => void): RedshiftConfig => ({
    ...config,
    ...changedUrl(config.url!, change),
  });
  // Tables of the connection's own.
  const own = (sql: string, table: string): string =>
    sql.replaceAll(table, `${table}_${shortHash(connection.id, 16)}`);
  return {
    ...{ redshift, config, destination: redshiftDestination, schema: 'public' },
    broken: {
      'unknown user': changed((url) => (url.username = 'nobody_here')),
      'unknown database': changed((url) => (url.pathname = '/no_such_database')),
      'unreadable URL': { ...config, url: 'postgres://[nowhere' },
      'unknown host': changed((url) => (url.hostname = 'no-such-host.invalid')),
      'a server that does not encrypt': { ...config, ssl: 'verify-full' },
      'a bucket that is not there': { ...config, bucket: 'no-such-bucket' },
      'a key that is unknown': { ...config, access_key_id: 'nobody' },
    },
    async query(sql) {
      const text = [checkpointTable, sessionTable].reduce(own, sql);
      const { rows, fields } = await client.query<(string | null)[]>({ text, rowMode: 'array' });
      return rows.map((row): TextRow =>
        Object.fromEntries(fields.map(({ name }, i) => [name, row[i]!])),
      );
    },
    async drop() {
      await client.end();
      await redshift.drop();
      guard.check();
      redshiftRecorder.check();
    },
  };
}
