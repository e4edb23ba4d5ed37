import { createBigQuery } from '../connectors/bigquery-harness.ts';
import { createRedshift } from '../connectors/redshift-harness.ts';
import { createSnowflake } from '../connectors/snowflake-harness.ts';
import { ofTables, type CaseDestination } from './destinations.ts';

/** Cloud warehouses, or what stands in for them. */
export const warehouses: Readonly<Record<string, () => Promise<CaseDestination>>> = {
  Snowflake: async () => ofTables(await createSnowflake()),
  BigQuery: async () => ofTables(await createBigQuery()),
  Redshift: async () => ofTables(await createRedshift()),
};
