import { PassThroughClient, GoogleAuth, JWT, type AuthClient } from 'google-auth-library';
import { keyOf, type BigQueryConfig } from '../../connectors/bigquery/config.ts';
import { tableSql } from '../../connectors/bigquery/names.ts';
import { plainFetch } from '../connectors/bigquery-wire.ts';
import { zoneOf, type TextRow } from '../connectors/harness.ts';
import { bigqueryProject } from './bigquery-server.ts';
import { ownPrefix, ownSchema, serviceConfig, type TestWarehouse } from './warehouse.ts';

/** A dataset of its own. */
export interface TestBigQuery extends TestWarehouse<BigQueryConfig> {
  /** What tables.get tells of one. */
  tableOf(this: void, name: string): Promise<TableInfo>;
}

const google = 'https://bigquery.googleapis.com';
const scopes = ['https://www.googleapis.com/auth/bigquery'];
/** Of one page of rows. */
const rowsMax = 10_000;

export function bigqueryEndpoint(): string {
  const endpoint = process.env['TEST_BIGQUERY_ENDPOINT'];
  if (endpoint) return endpoint;
  throw new Error(
    'TEST_BIGQUERY_ENDPOINT is not set. Run the tests with `npm test`, which starts an emulator.',
  );
}

const ofEmulator = (): Omit<BigQueryConfig, 'dataset'> => ({
  project: bigqueryProject,
  endpoint: bigqueryEndpoint(),
});

interface Job {
  readonly jobReference: { readonly jobId: string; readonly location?: string };
  readonly status: { readonly errorResult?: { readonly message: string } };
}

interface Field {
  readonly name: string;
  readonly type: string;
}

interface TableInfo {
  readonly schema: { readonly fields: readonly Field[] };
  readonly timePartitioning?: object;
  readonly rangePartitioning?: object;
  readonly clustering?: object;
}

interface Results {
  readonly jobComplete?: boolean;
  readonly schema?: { readonly fields: readonly Field[] };
  readonly rows?: readonly { readonly f: readonly { readonly v: string | null }[] }[];
  readonly pageToken?: string;
}

/** Asks the API; answers what it gave. */
type Ask = <T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => Promise<T>;

/** Of BigQuery itself where TEST_BIGQUERY_CONFIG names its config, else of the emulator. */
export async function testBigQuery(): Promise<TestBigQuery> {
  const dataset = ownSchema();
  const config: BigQueryConfig = {
    ...(serviceConfig<BigQueryConfig>('bigquery') ?? ofEmulator()),
    dataset,
  };
  const { project } = config;
  const ask = askOf(config);
  await ask('POST', '/datasets', {
    datasetReference: { projectId: project, datasetId: dataset },
    ...(config.location !== undefined && { location: config.location }),
  });
  const ofDataset = <T>(path: string): Promise<T> => ask('GET', `/datasets/${dataset}${path}`);
  return {
    ...{ config, schema: dataset },
    table: (tableId) => tableSql({ projectId: project, datasetId: dataset, tableId }),
    async query(sql) {
      const told = await informationOf(sql, ofDataset);
      return told ?? rowsOf(ask, inGoogleSql(sql));
    },
    ownTables: async () => (await tablesOf(ofDataset)).filter((name) => name.startsWith(ownPrefix)),
    tableOf: (name) => ofDataset(`/tables/${name}`),
    // What is put is in its table.
    files: () => Promise.resolve([]),
    async drop() {
      await ask('DELETE', `/datasets/${dataset}?deleteContents=true`);
      // Most tests make none of that name.
      const zone = zoneOf(dataset, { anyName: false });
      await ask('DELETE', `/datasets/${zone}?deleteContents=true`).catch(() => undefined);
    },
  };
}

function askOf(config: BigQueryConfig): Ask {
  const root = `${config.endpoint ?? google}/bigquery/v2/projects/${config.project}`;
  const client = clientOf(config);
  return async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await (
      await client
    ).request<T>({
      ...{ url: `${root}${path}`, method },
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
      ...{ fetchImplementation: plainFetch, retry: false, validateStatus: () => true },
    });
    if (response.status >= 300)
      throw new Error(`${method} ${path}: ${JSON.stringify(response.data)}`);
    return response.data;
  };
}

async function clientOf({ endpoint, credentials_json: text }: BigQueryConfig): Promise<AuthClient> {
  if (endpoint !== undefined) return new PassThroughClient();
  if (text === undefined) return new GoogleAuth({ scopes }).getClient();
  const { email, privateKey } = keyOf(text);
  return new JWT({ email, key: privateKey, scopes });
}

async function rowsOf(ask: Ask, sql: string): Promise<readonly TextRow[]> {
  const query = { query: sql, useLegacySql: false };
  const { jobReference, status } = await ask<Job>('POST', '/jobs', { configuration: { query } });
  if (status.errorResult !== undefined) throw new Error(status.errorResult.message);
  const { jobId, location } = jobReference;
  const at = location === undefined ? '' : `&location=${location}`;
  const rows: TextRow[] = [];
  for (let token = ''; ;) {
    const page = await ask<Results>(
      'GET',
      `/queries/${jobId}?maxResults=${rowsMax}&formatOptions.useInt64Timestamp=true${at}${token}`,
    );
    if (page.jobComplete === false) continue;
    const { fields } = page.schema ?? { fields: [] };
    for (const { f } of page.rows ?? []) rows.push(rowOf(fields, f));
    if (page.pageToken === undefined) return rows;
    token = `&pageToken=${encodeURIComponent(page.pageToken)}`;
  }
}

const rowOf = (
  fields: readonly Field[],
  cells: readonly { readonly v: string | null }[],
): TextRow =>
  Object.fromEntries(
    fields.map(({ name, type }, i): [string, string | null] => {
      const value = cells[i]!.v;
      return [name, value === null ? null : asTold(value, type)];
    }),
  );

type AskDataset = <T>(path: string) => Promise<T>;

async function tablesOf(ask: AskDataset): Promise<readonly string[]> {
  const { tables = [] } = await ask<{
    readonly tables?: readonly { readonly tableReference: { readonly tableId: string } }[];
  }>('/tables?maxResults=1000');
  return tables.map(({ tableReference }) => tableReference.tableId);
}

/** What the suites ask of information_schema, which the emulator hasn't by that name; null: they ask something else. */
async function informationOf(sql: string, ask: AskDataset): Promise<TextRow[] | null> {
  const [, of] = /FROM information_schema\.(\w+)/.exec(sql) ?? [];
  if (of === undefined) return null;
  const names = await tablesOf(ask);
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
