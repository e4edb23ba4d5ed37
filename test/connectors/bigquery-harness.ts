import { bigqueryDestination, type BigQueryConfig } from '../../connectors/bigquery/index.ts';
import { checkpointTable, sessionTable } from '../../connectors/kit/ledger.ts';
import { shortHash } from '../../connectors/kit/identifiers.ts';
import { testBigQuery, type TestBigQuery } from '../support/bigquery.ts';
import { listenToFetch } from './bigquery-wire.ts';
import { createDdlGuard } from './ddl-guard.ts';
import { connection, database, type Harness, type Offers } from './harness.ts';
import { createRecorder } from './warehouse/statements.ts';

const guard = createDdlGuard();
export const bigqueryRecorder = createRecorder('bigquery.sql');
listenToFetch(bigqueryRecorder, guard);

/** JSON keeps integers of 64 bits, with or without a sign, and doubles. */
export const bigqueryOffers: Offers = {
  ...database,
  numerals: { json: '18446744073709551615', column: '12345678901234567890.123456789012345678' },
  anyName: false,
};

export interface BigQueryHarness extends Harness<BigQueryConfig> {
  readonly bigquery: TestBigQuery;
}

export async function createBigQuery(): Promise<BigQueryHarness> {
  const bigquery = await testBigQuery();
  const { config } = bigquery;
  const own = (sql: string, table: string): string =>
    sql.replaceAll(table, `${table}_${shortHash(connection.id, 16)}`);
  return {
    bigquery,
    destination: bigqueryDestination,
    config,
    schema: config.dataset,
    broken: {
      'no key': { ...config, credentials_json: 'secret' },
      'a key of another kind': { ...config, credentials_json: '{"type":"external_account"}' },
      'unknown host': { ...config, endpoint: 'http://no-such-host.invalid' },
    },
    query: (sql) => bigquery.query([checkpointTable, sessionTable].reduce(own, sql)),
    async drop() {
      await bigquery.drop();
      guard.check();
      bigqueryRecorder.check();
    },
  };
}
