import { randomUUID } from 'node:crypto';
import { extractedAtColumn } from '../kit/columns.ts';
import { caseFold } from '../kit/identifiers.ts';
import type { Author, Warehouse, WarehouseDialect } from '../kit/warehouse/warehouse.ts';
import { createClient, type Client } from './client.ts';
import { defaultLocation, placeOf, type BigQueryConfig } from './config.ts';
import { asBigQueryError } from './errors.ts';
import { createJobs, type Jobs, type TableReference } from './jobs.ts';
import { quoteName, tableSql } from './names.ts';
import { takeOver } from './older-sessions.ts';
import { isConflict, ServiceError } from './service-error.ts';
import { createSession, type OnSession } from './session.ts';
import { createStage, lineOf } from './stage.ts';
import {
  castSql,
  comparableSql,
  losesWidenedSql,
  fitOf,
  isClusterable,
  isCut,
  isOfNumbers,
  typeOf,
  typeText,
  widenedSql,
  widerType,
  type Field,
} from './types.ts';

/** /bigquery/docs/clustered-tables#limitations */
const clusterColumnsMax = 4;

/** What tables.get gives: cloud.google.com/bigquery/docs/reference/rest/v2/tables */
interface TableResource {
  readonly schema?: { readonly fields?: readonly Field[] };
}

interface TableList {
  readonly tables?: readonly { readonly tableReference: { readonly tableId: string } }[];
  readonly nextPageToken?: string;
}

const dialectOf = (project: string): WarehouseDialect => ({
  // Columns that differ in case only are one. /bigquery/docs/schemas#column_names
  fold: caseFold,
  narrow: 'words',
  quote: quoteName,
  table: (datasetId, tableId) => tableSql({ projectId: project, datasetId, tableId }),
  line: lineOf,
  own: { text: 'STRING', integer: 'INT64', boolean: 'BOOL' },
  typeOf,
  airbyte: { id: 'STRING', instant: 'TIMESTAMP', json: 'JSON' },
  cells: { fitOf, isCut, isOfNumbers, widerType },
  cast: castSql,
  widened: widenedSql,
  losesWidened: losesWidenedSql,
  comparable: comparableSql,
  addColumns: (table, definitions) => [
    `ALTER TABLE ${table} ${definitions.map((one) => `ADD COLUMN ${one}`).join(', ')}`,
  ],
});

/** A page of the API, once there is one; null: not found. */
async function found<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ServiceError && error.status === 404) return null;
    throw error;
  }
}

export function createWarehouse(config: BigQueryConfig): Warehouse {
  const { project, dataset } = config;
  const client = createClient(config);
  let known: Promise<Jobs> | null = null;
  const jobsOf = (abort: AbortSignal, author?: Author): Promise<Jobs> =>
    (known ??= openJobs(client, config, abort, author).catch((error: unknown) => {
      known = null;
      throw error;
    }));
  let tell: OnSession = () => Promise.resolve();
  const tables = (schema: string): string => `/datasets/${encodeURIComponent(schema)}/tables`;
  return {
    dialect: dialectOf(project),
    place: placeOf(config),
    schema: dataset,
    connect: async (abort, author) =>
      createSession(client, await jobsOf(abort, author), (id) => tell(id)),
    openStage: async (abort, author) => createStage(await jobsOf(abort, author)),
    async makeSchema(session, schema) {
      if ((await datasetLocation(client, schema, session.ended)) !== null) return;
      await makeDataset(client, config, schema, session.ended);
    },
    async takeOver(session, connection, epoch) {
      const jobs = await jobsOf(session.ended);
      tell = await takeOver({ warehouse: this, session, jobs }, connection, epoch, session.ended);
    },
    async columnsOf(session, schema, table) {
      const path = `${tables(schema)}/${encodeURIComponent(table)}`;
      const resource = await found(
        client.send<TableResource>({ method: 'GET', path }, session.ended),
      );
      return (resource?.schema?.fields ?? []).map((field) => ({
        name: field.name,
        type: typeText(field),
      }));
    },
    tableNames: (session, schema, prefix) =>
      tableNames(client, tables(schema), prefix, session.ended),
    // The first UPDATE of a transaction keeps others from changing the table: /bigquery/docs/transactions#transaction_concurrency
    lock: () => null,
    tableOptions: (key, types) => optionsSql(config, key, types),
    async replace(session, schema, from, table) {
      const place = { projectId: project, datasetId: schema };
      const [source, to] = [from, table].map((tableId) => ({ ...place, tableId }));
      await replace(await jobsOf(session.ended), source!, to!, session.ended);
    },
    isConflict,
    asError: (error, abort) => asBigQueryError(error, config, abort),
  };
}

/** Jobs run where the dataset is. They are told apart by the connection, in INFORMATION_SCHEMA.JOBS and in the billing export. */
async function openJobs(
  client: Client,
  config: BigQueryConfig,
  abort: AbortSignal,
  author?: Author,
): Promise<Jobs> {
  const found = await datasetLocation(client, config.dataset, abort);
  const location = found ?? config.location ?? defaultLocation;
  const labels = author && { tidemark_connection: labelOf(author.connection.name) };
  return createJobs(client, config.project, location, labels);
}

/** A connection's name, as a rule as it is: cloud.google.com/bigquery/docs/labels-intro. A job with a label that is none would be refused. */
export const labelOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .slice(0, 63);

/** null: there is no such dataset. */
async function datasetLocation(
  client: Client,
  dataset: string,
  abort: AbortSignal,
): Promise<string | null> {
  const path = `/datasets/${encodeURIComponent(dataset)}`;
  const resource = await found(client.send<{ location?: string }>({ method: 'GET', path }, abort));
  return resource === null ? null : (resource.location ?? defaultLocation);
}

async function makeDataset(
  client: Client,
  { project, location = defaultLocation }: BigQueryConfig,
  dataset: string,
  abort: AbortSignal,
): Promise<void> {
  const body = { datasetReference: { projectId: project, datasetId: dataset }, location };
  try {
    await client.send({ method: 'POST', path: '/datasets', body }, abort);
  } catch (error) {
    // Somebody was quicker, or the answer to an earlier try was lost.
    if (!(error instanceof ServiceError) || error.status !== 409) throw error;
  }
}

async function tableNames(
  client: Client,
  path: string,
  prefix: string,
  abort: AbortSignal,
): Promise<string[]> {
  const names: string[] = [];
  let pageToken: string | undefined;
  do {
    const query = { maxResults: 1000, ...(pageToken !== undefined && { pageToken }) };
    const page = await found(client.send<TableList>({ method: 'GET', path, query }, abort));
    names.push(...(page?.tables ?? []).map(({ tableReference }) => tableReference.tableId));
    pageToken = page?.nextPageToken;
  } while (pageToken !== undefined);
  return names.filter((name) => name.startsWith(prefix));
}

/** A copy takes the place of rows and columns at once: WRITE_TRUNCATE in /bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy */
async function replace(
  jobs: Jobs,
  from: TableReference,
  to: TableReference,
  abort: AbortSignal,
): Promise<void> {
  const copy = {
    ...{ sourceTable: from, destinationTable: to },
    ...{ writeDisposition: 'WRITE_TRUNCATE', createDisposition: 'CREATE_IF_NEEDED' },
  };
  await jobs.run(`tidemark_copy_${randomUUID()}`, { copy }, abort);
}

/** /bigquery/docs/reference/standard-sql/data-definition-language#create_table_statement */
function optionsSql(
  { partition_by_day: isPartitioned = false, cluster_by_key: isClustered = true }: BigQueryConfig,
  key: readonly string[],
  types: readonly string[],
): string {
  const columns = key.filter((_, i) => isClusterable(types[i] ?? '')).slice(0, clusterColumnsMax);
  return [
    ...(isPartitioned ? [`PARTITION BY DATE(${quoteName(extractedAtColumn)})`] : []),
    ...(isClustered && columns.length > 0 ? [`CLUSTER BY ${columns.join(', ')}`] : []),
  ].join(' ');
}
