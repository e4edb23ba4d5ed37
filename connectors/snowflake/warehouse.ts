import type { WarehouseSession } from '../kit/warehouse/warehouse.ts';
import { isMissing } from './errors.ts';
import { literal, pathOf, spelledHere, spelledThere } from './names.ts';
import { typeText } from './types.ts';

export interface SchemaPlace {
  readonly database: string;
  readonly schema: string;
}

/** Idempotent. Asks first: CREATE SCHEMA wants its right also where there is nothing to make. */
export async function makeSchema(
  session: WarehouseSession,
  { database, schema }: SchemaPlace,
): Promise<void> {
  // docs.snowflake.com: sql-reference/sql/show-schemas. STARTS WITH tells cases apart.
  const { rows } = await session.query(
    `SHOW TERSE SCHEMAS IN DATABASE ${pathOf(database)} STARTS WITH ${literal(spelledThere(schema))}`,
  );
  if (rows.some(({ name }) => name === spelledThere(schema))) return;
  await session.query(`CREATE SCHEMA IF NOT EXISTS ${pathOf(database, schema)}`);
}

/** In their order; none: there is no such table. (docs.snowflake.com: sql-reference/sql/desc-table) */
export async function columnsOf(
  session: WarehouseSession,
  { database, schema }: SchemaPlace,
  table: string,
): Promise<{ readonly name: string; readonly type: string }[]> {
  try {
    const { rows } = await session.query(`DESCRIBE TABLE ${pathOf(database, schema, table)}`);
    return rows.map(({ name, type }) => ({
      name: spelledHere(String(name)),
      type: typeText(String(type)),
    }));
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** docs.snowflake.com: sql-reference/sql/show-tables */
export async function tableNames(
  session: WarehouseSession,
  { database, schema }: SchemaPlace,
  prefix: string,
): Promise<string[]> {
  const { rows } = await session.query(
    `SHOW TERSE TABLES IN SCHEMA ${pathOf(database, schema)} STARTS WITH ${literal(spelledThere(prefix))}`,
  );
  return rows
    .map(({ name }) => spelledHere(String(name)))
    .filter((name) => name.startsWith(prefix));
}

/**
 * A clone takes the place of a table in one step, which is atomic, and keeps the rights that others have on it (docs.snowflake.com:
 * sql-reference/sql/create-table, OR REPLACE, CLONE and COPY GRANTS). It copies no data. As `from` stays until the clone is there, the two steps may be
 * done again from anywhere; SWAP WITH, done again, would swap back.
 */
export async function replace(
  session: WarehouseSession,
  place: SchemaPlace,
  from: string,
  table: string,
): Promise<void> {
  const [source, target] = [from, table].map((name) =>
    pathOf(place.database, place.schema, name),
  ) as [string, string];
  if ((await columnsOf(session, place, from)).length === 0) return;
  await session.query(`CREATE OR REPLACE TABLE ${target} CLONE ${source} COPY GRANTS`);
  await session.query(`DROP TABLE IF EXISTS ${source}`);
}
