import pg from 'pg';
import { checkpointTable, sessionTable } from '../../connectors/kit/ledger.ts';
import { shortHash } from '../../connectors/kit/identifiers.ts';
import { redshiftDestination, type RedshiftConfig } from '../../connectors/redshift/index.ts';
import { testRedshift } from '../support/redshift.ts';
import { serviceConfig } from '../support/warehouse.ts';
import { createDdlGuard, listen } from './ddl-guard.ts';
import { changedUrl, connection, type Harness } from './harness.ts';
import { createRecorder } from './warehouse/statements.ts';

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

const broken = (config: RedshiftConfig): Harness<RedshiftConfig>['broken'] => {
  const changed = (parts: Partial<RedshiftConfig>, change: (url: URL) => void): RedshiftConfig => ({
    ...config,
    ...(config.url === undefined ? parts : changedUrl(config.url, change)),
  });
  const nowhere = 'no-such-host.invalid';
  return {
    'unknown user': changed({ username: 'nobody_here' }, (url) => (url.username = 'nobody_here')),
    'unknown database': changed(
      { database: 'no_such_database' },
      (url) => (url.pathname = '/no_such_database'),
    ),
    'unreadable URL': { ...config, url: 'postgres://[nowhere' },
    'unknown host': changed({ host: nowhere }, (url) => (url.hostname = nowhere)),
    'a bucket that is not there': { ...config, bucket: 'tidemark-no-such-bucket' },
    'a key that is unknown': { ...config, access_key_id: 'nobody', secret_access_key: 'nobody' },
    // Redshift itself does.
    ...(serviceConfig('redshift') === null && {
      'a server that does not encrypt': { ...config, ssl: 'verify-full' },
    }),
  };
};

export async function createRedshift(): Promise<Harness<RedshiftConfig>> {
  const { config, schema, query, drop } = await testRedshift();
  // Tables of the connection's own.
  const own = (sql: string, table: string): string =>
    sql.replaceAll(table, `${table}_${shortHash(connection.id, 16)}`);
  return {
    ...{ config, schema, destination: redshiftDestination, broken: broken(config) },
    query: (sql) => query([checkpointTable, sessionTable].reduce(own, sql)),
    async drop() {
      await drop();
      guard.check();
      redshiftRecorder.check();
    },
  };
}
