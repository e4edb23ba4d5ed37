import { randomBytes } from 'node:crypto';
import { bigqueryDestination, type BigQueryConfig } from '../../connectors/bigquery/index.ts';
import { checkpointTable, sessionTable } from '../../connectors/kit/ledger.ts';
import { shortHash } from '../../connectors/kit/identifiers.ts';
import { bigqueryProject } from '../support/bigquery-server.ts';
import { listenToFetch, plainFetch } from './bigquery-wire.ts';
import { createDdlGuard } from './ddl-guard.ts';
import { connection, database, type Harness, type Offers, type TextRow } from './harness.ts';
import { createRecorder } from './warehouse/statements.ts';

const guard = createDdlGuard();
export const bigqueryRecorder = createRecorder('bigquery.sql');
listenToFetch(bigqueryRecorder, guard);

export interface TestBigQuery {
  readonly config: BigQueryConfig & { readonly endpoint: string };
  /** Rows as the API gives them, times as the tests say them. */
  query(sql: string): Promise<TextRow[]>;
  /** What tables.get tells of one. */
  tableOf(name: string): Promise<TableInfo>;
  drop(): Promise<void>;
}

export function bigqueryEndpoint(): string {
  const endpoint = process.env['TEST_BIGQUERY_ENDPOINT'];
  if (endpoint) return endpoint;
  throw new Error(
    'TEST_BIGQUERY_ENDPOINT is not set. Run the tests with `npm test`, which starts an emulator.',
  );
}

interface Job {
  readonly jobReference: { readonly jobId: string };
  readonly status: { readonly errorResult?: { readonly message: string } };
}

interface Results {
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: string }[] };
  readonly rows: readonly { readonly f: readonly { readonly v: string | null }[] }[];
}

/** A dataset of its own, looked into beside the connector's own client. */
export async function testBigQuery(): Promise<TestBigQuery> {
  const endpoint = bigqueryEndpoint();
  const dataset = `tidemark_${randomBytes(6).toString('hex')}`;
  const project = `${endpoint}/bigquery/v2/projects/${bigqueryProject}`;
  const ask = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await plainFetch(`${project}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (response.status === 204 ? undefined : await response.json()) as T;
  };
  await ask('POST', '/datasets', {
    datasetReference: { projectId: bigqueryProject, datasetId: dataset },
  });
  return {
    config: { project: bigqueryProject, dataset, endpoint },
    async query(sql) {
      const told = await informationOf(sql, (path) => ask('GET', `/datasets/${dataset}${path}`));
      if (told !== null) return told;
      const query = { query: inGoogleSql(sql), useLegacySql: false };
      const job = await ask<Job>('POST', '/jobs', { configuration: { query } });
      if (job.status.errorResult !== undefined) throw new Error(job.status.errorResult.message);
      const { schema, rows } = await ask<Results>('GET', `/queries/${job.jobReference.jobId}`);
      return rows.map(({ f }) =>
        Object.fromEntries(
          schema.fields.map(({ name, type }, i): [string, string | null] => {
            const value = f[i]!.v;
            return [name, value === null ? null : asTold(value, type)];
          }),
        ),
      );
    },
    tableOf: (name) => ask('GET', `/datasets/${dataset}/tables/${name}`),
    drop: async () => {
      await ask('DELETE', `/datasets/${dataset}?deleteContents=true`);
    },
  };
}

interface Tables {
  readonly tables?: readonly { readonly tableReference: { readonly tableId: string } }[];
}

interface TableInfo {
  readonly schema: { readonly fields: readonly { readonly name: string; readonly type: string }[] };
  readonly timePartitioning?: object;
  readonly rangePartitioning?: object;
  readonly clustering?: object;
}

/** What the suites ask of information_schema, which the emulator hasn't by that name; null: they ask something else. */
async function informationOf(
  sql: string,
  ask: <T>(path: string) => Promise<T>,
): Promise<TextRow[] | null> {
  const [, of] = /FROM information_schema\.(\w+)/.exec(sql) ?? [];
  if (of === undefined) return null;
  const { tables = [] } = await ask<Tables>('/tables');
  const names = tables.map(({ tableReference }) => tableReference.tableId);
  if (of === 'tables')
    return names.filter((name) => !sql.includes(`'${name}'`)).map((name) => ({ table_name: name }));
  const [, table = ''] = /table_name = '(\w+)'/.exec(sql) ?? [];
  if (!names.includes(table)) return [];
  const { schema } = await ask<TableInfo>(`/tables/${table}`);
  return schema.fields
    .map(({ name, type }) => ({ c: name, t: type }))
    .toSorted((a, b) => (a.c < b.c ? -1 : 1));
}

/** The tests quote names as the standard does; a dataset goes without its project. */
const inGoogleSql = (sql: string): string =>
  sql
    .replace(/"((?:[^"]|"")*)"/g, (_, name: string) => `\`${name.replaceAll('""', '"')}\``)
    .replace(/\bint\b/g, 'INT64');

function asTold(value: string, type: string): string {
  const withoutZeros = (text: string): string =>
    text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
  if (type === 'TIMESTAMP') {
    const micros = BigInt(value);
    const within = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
    const second = new Date(Number((micros - within) / 1000n));
    const instant = second.toISOString().slice(0, 19).replace('T', ' ');
    const fraction = String(within).padStart(6, '0');
    return `${withoutZeros(`${instant}.${fraction}`)}+00`;
  }
  return /^(DATETIME|TIME)$/.test(type) ? withoutZeros(value.replace('T', ' ')) : value;
}

/** JSON keeps integers of 64 bits, with or without a sign, and doubles. */
export const bigqueryOffers: Offers = {
  ...database,
  numerals: { json: '18446744073709551615', column: '12345678901234567890.123456789012345678' },
  anyName: false,
};

export async function createBigQuery(): Promise<
  Harness<BigQueryConfig> & { readonly bigquery: TestBigQuery }
> {
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
