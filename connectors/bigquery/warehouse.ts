import { randomUUID } from 'node:crypto';
import { caseFold } from '../kit/identifiers.ts';
import type {
  Author,
  Warehouse,
  WarehouseDialect,
  WarehouseSession,
} from '../kit/warehouse/warehouse.ts';
import { again } from './again.ts';
import { createBucketStage } from './bucket-stage.ts';
import { openBucket } from './bucket.ts';
import { createClient, found, type Client } from './client.ts';
import { defaultLocation, placeOf, type BigQueryConfig } from './config.ts';
import { datasetLocation, makeDataset } from './datasets.ts';
import { asBigQueryError } from './errors.ts';
import { createJobs, jobPatience, type Jobs, type TableReference } from './jobs.ts';
import { quoteName, tableSql } from './names.ts';
import { takeOver } from './older-sessions.ts';
import { isConflict, isFailedInPassing, isTooOften } from './service-error.ts';
import { createSession, type OnSession } from './session.ts';
import { createStage, lineOf } from './stage.ts';
import { likeSql, optionsSql, type TableResource } from './table-options.ts';
import {
  castSql,
  comparableSql,
  losesWidenedSql,
  fitOf,
  isCut,
  isOfNumbers,
  typeOf,
  typeText,
  widenedSql,
  widerType,
} from './types.ts';

interface TableList {
  readonly tables?: readonly { readonly tableReference: { readonly tableId: string } }[];
  readonly nextPageToken?: string;
}

/** /bigquery/docs/transactions#limitations */
const tablesMax = 100;

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
  const tableOf = ({ ended }: WarehouseSession, schema: string, table: string) => {
    const path = `${tables(schema)}/${encodeURIComponent(table)}`;
    return found(client.send<TableResource>({ method: 'GET', path }, ended));
  };
  return {
    dialect: dialectOf(project),
    place: placeOf(config),
    tablesMax,
    schema: dataset,
    connect: async (abort, author) =>
      createSession(client, await jobsOf(abort, author), (id) => tell(id)),
    async openStage(abort, author) {
      const jobs = await jobsOf(abort, author);
      const { staging_bucket: bucket, staging_prefix: prefix = '' } = config;
      return bucket === undefined
        ? createStage(jobs)
        : createBucketStage(jobs, openBucket(client, bucket, prefix));
    },
    async makeSchema(session, schema) {
      if ((await datasetLocation(client, schema, session.ended)) !== null) return;
      // Beside the first one, wherever that is: jobs and transactions stay in one location.
      const first =
        schema === dataset ? null : await datasetLocation(client, dataset, session.ended);
      const location = first ?? config.location ?? defaultLocation;
      await makeDataset(client, { project, location }, schema, session.ended);
    },
    async takeOver(session, connection, epoch) {
      const jobs = await jobsOf(session.ended);
      tell = await takeOver({ warehouse: this, session, jobs }, connection, epoch, session.ended);
    },
    async columnsOf(session, schema, table) {
      const resource = await tableOf(session, schema, table);
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
    async optionsOf(session, schema, table, definitions) {
      const resource = await tableOf(session, schema, table);
      return resource === null ? null : likeSql(resource, `${schema}.${table}`, definitions);
    },
    async replace(session, schema, from, table) {
      const place = { projectId: project, datasetId: schema };
      const [source, to] = [from, table].map((tableId) => ({ ...place, tableId }));
      await replace(await jobsOf(session.ended), source!, to!, session.ended);
    },
    isConflict: (error) => isConflict(error) || isTooOften(error),
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
  const there = await datasetLocation(client, config.dataset, abort);
  const location = there ?? config.location ?? defaultLocation;
  const labels = author && { tidemark_connection: labelOf(author.connection.name) };
  return createJobs(client, config.project, location, labels);
}

/** A connection's name, as a rule as it is: cloud.google.com/bigquery/docs/labels-intro. A job with a label that is none would be refused. */
export const labelOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .slice(0, 63);

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

/**
 * A copy takes the place of rows and columns at once: WRITE_TRUNCATE in /bigquery/docs/reference/rest/v2/Job#JobConfigurationTableCopy. Both tables must
 * have the same partitions and clustering, which are kept: /bigquery/docs/managing-partitioned-tables#copy_a_partitioned_table
 */
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
  await again(jobPatience, isFailedInPassing, abort, () =>
    jobs.run(`tidemark_copy_${randomUUID()}`, { copy }, abort),
  );
}
