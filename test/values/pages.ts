import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bigqueryProduct } from '../support/bigquery-server.ts';
import { redshiftProduct } from '../support/redshift-server.ts';
import { snowflakeProduct } from '../support/snowflake-server.ts';
import type { Page } from './table.ts';

const renewVariable = 'RENEW_VALUES';
export const renew = `${renewVariable}=1 node test/run.mjs test/values`;

/** A page of docs/ is this document; renewed where that is asked for. */
export function expectPage(name: string, document: string): void {
  const path = fileURLToPath(new URL(`../../docs/${name}`, import.meta.url));
  if (process.env[renewVariable] !== undefined) writeFileSync(path, document);
  expect(readFileSync(path, 'utf8')).toBe(document);
}

export const valuesPage: Page = {
  title: 'What becomes of each value',
  made: `This page is made by a test (\`test/values\`), from what it finds in every destination after a sync from every source; nothing in it is written
by hand. To renew it: \`${renew}\`. What the types become is in [connectors.md](connectors.md#types).`,
  tried: `*Held by*: the sources that have a spelling for the case; the others could not be given it. A CSV file has text only, a Parquet file one type a
column, and neither has half a character; a table of a database holds what its column gives back unchanged. *Python protocol* is a program that
prints as Python does (spaces, nothing beyond ASCII), *exact protocol* one that prints each value as it stands here. Without a source behind it, an
outcome is that of all that hold the case. Objects of S3 hold what files do, which is tried with Parquet from JSONL files, Postgres and MySQL; and what
is read from them becomes what it becomes from files, which is tried into every destination, and into S3, with streams in all three formats.`,
};

export const warehousesPage: Page = {
  title: 'What becomes of each value in a cloud warehouse',
  made: `This page is made by a test (\`test/values\`), from what it finds in each warehouse after a sync from a program and from Postgres; nothing in it is
written by hand. To renew it: \`${renew}\`. **The warehouses are stand-ins**: of Snowflake ${snowflakeProduct}, of BigQuery ${bigqueryProduct}, of
Redshift ${redshiftProduct}, all with this project's additions. So it shows what Tidemark sends and takes back, exactly, and what it turns into
NULL; what the services do beyond that is by their vendors' references, which do not say whether a file of Snowflake or BigQuery may hold a zero byte. What the types become is in connectors.md: [Snowflake](connectors.md#snowflake),
[Redshift](connectors.md#redshift), [BigQuery](connectors.md#bigquery); the other destinations are in [values.md](values.md).`,
  tried: `*Held by*: the sources that have a spelling for the case; the other could not be given it: a table of Postgres holds what its column gives back
unchanged. *exact protocol* is a program that prints each value as it stands here. Without a source behind it, an outcome is that of both.`,
};
