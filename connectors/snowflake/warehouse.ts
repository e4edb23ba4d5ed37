import { caseFold } from '../kit/identifiers.ts';
import type {
  Author,
  Stage,
  Warehouse,
  WarehouseDialect,
  WarehouseSession,
} from '../kit/warehouse/warehouse.ts';
import { cells } from './cells.ts';
import { placeOf, schemaOf, stageOf, type SnowflakeConfig } from './config.ts';
import { asSnowflakeError, isConflict, isMissing } from './errors.ts';
import { literal, pathOf, quote, spell, spelledHere, spelledThere } from './names.ts';
import { connect } from './session.ts';
import { endEarlierTransactions } from './transactions.ts';
import { createStage, line, makeStage } from './stage.ts';
import { cast, comparable, losesWidened, typeOf, typeText, widened } from './types.ts';

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

/** None also where there is no such schema, which SHOW refuses. (docs.snowflake.com: sql-reference/sql/show-tables) */
export async function tableNames(
  session: WarehouseSession,
  { database, schema }: SchemaPlace,
  prefix: string,
): Promise<string[]> {
  const sql = `SHOW TERSE TABLES IN SCHEMA ${pathOf(database, schema)} STARTS WITH ${literal(spelledThere(prefix))}`;
  const { rows } = await session.query(sql).catch((error: unknown) => {
    if (isMissing(error)) return { rows: [] };
    throw error;
  });
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

const dialectOf = (database: string): WarehouseDialect => ({
  ...{ fold: caseFold, spell, quote },
  table: (schema, table) => pathOf(database, schema, table),
  line: (_, values) => line(values),
  own: { text: 'VARCHAR', integer: typeOf('integer'), boolean: typeOf('boolean') },
  airbyte: { id: 'VARCHAR', instant: typeOf('timestamptz'), json: typeOf('json') },
  ...{ typeOf, cells, cast, comparable, widened, losesWidened },
  // docs.snowflake.com: sql-reference/sql/alter-table
  addColumns: (table, definitions) => [`ALTER TABLE ${table} ADD COLUMN ${definitions.join(', ')}`],
  // Nothing of it is kept, or paid for, once it is dropped. A clone of such a table could be no permanent one. (docs.snowflake.com:
  // user-guide/tables-temp-transient, user-guide/data-cdp-storage-costs, sql-reference/sql/create-table)
  createStaged: (table, definitions) =>
    `CREATE TRANSIENT TABLE ${table} (${definitions.join(', ')}) DATA_RETENTION_TIME_IN_DAYS = 0`,
});

export function snowflakeWarehouse(config: SnowflakeConfig): Warehouse {
  const { database } = config;
  const place = placeOf(config);
  return {
    dialect: dialectOf(database),
    place,
    schema: schemaOf(config),
    connect: (abort, author) => connect(config, abort, author),
    openStage: (abort, author) => openStage(config, abort, author),
    takeOver: endEarlierTransactions,
    makeSchema: (session, schema) => makeSchema(session, { database, schema }),
    columnsOf: (session, schema, table) => columnsOf(session, { database, schema }, table),
    tableNames: (session, schema, prefix) => tableNames(session, { database, schema }, prefix),
    // An UPDATE holds the table until its transaction ends (docs.snowflake.com: sql-reference/transactions).
    lock: () => null,
    // Rows come in the order of time, which is how most are asked for: no clustering is paid for.
    tableOptions: () => '',
    replace: (session, schema, from, table) => replace(session, { database, schema }, from, table),
    isConflict,
    asError: (error, abort) =>
      asSnowflakeError(error, abort, { place, warehouse: config.warehouse }),
  };
}

async function openStage(
  config: SnowflakeConfig,
  abort: AbortSignal,
  author?: Author,
): Promise<Stage> {
  const place = { database: config.database, schema: schemaOf(config), stage: stageOf(config) };
  const session = await connect(config, abort, author);
  try {
    await makeStage(session, place);
    return createStage(session, place);
  } catch (error) {
    await session.close();
    throw error;
  }
}
