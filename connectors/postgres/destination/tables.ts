import {
  extractedAtColumn,
  generationColumn,
  metaColumn,
  rawIdColumn,
  type Observed,
} from '../../kit/columns.ts';
import { exactFold, hashedName, quoteIdentifier, quoteLiteral } from '../../kit/identifiers.ts';
import { admits, planTable, type Column, type Table, type TableDialect } from '../../kit/tables.ts';
import { unreadableRecord, type Target } from '../../kit/targets.ts';
import type { PostgresLedger } from './ledger.ts';
import type { Session } from '../session.ts';
import { castFunction, own, sqlTypeOf, takesAnything } from './types.ts';

/** Every table of Postgres has these already. */
const systemColumns = ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'];

const dialect: TableDialect = {
  fold: exactFold,
  sqlTypeOf,
  airbyteTypes: {
    [rawIdColumn]: 'uuid NOT NULL',
    [extractedAtColumn]: 'timestamp with time zone',
    [metaColumn]: 'jsonb NOT NULL',
    [generationColumn]: 'bigint NOT NULL',
  },
  reserved: [...Object.values(own), ...systemColumns],
};

export function tableSql(schema: string, table: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(table)}`;
}

/** Makes the table or adds the columns it lacks. Additive, idempotent, outside transactions. */
export async function ensureTable(
  session: Session,
  ledger: PostgresLedger,
  given: Target,
  more: readonly Observed[] = [],
): Promise<Table> {
  await ledger.makeSchema(given.schema);
  const name = given.hidden ?? given.table;
  const sql = tableSql(given.schema, name);
  await session.query(`CREATE TABLE IF NOT EXISTS ${sql} ()`);
  const columnsOf = (table: string) => ledger.tableColumns(given.schema, table);
  const { target, columns, missing } = await planTable(given, more, columnsOf, dialect);
  if (missing.length > 0)
    await session.query(
      `ALTER TABLE ${sql} ${missing.map((definition) => `ADD COLUMN IF NOT EXISTS ${definition}`).join(', ')}`,
    );
  await ensureKeyIndex(session, target, sql, columns);
  for (const type of new Set(columns.map((column) => column.type)))
    if (!takesAnything(type)) await session.query(castFunction(type));
  return { target, sql, columns };
}

/** Not a unique index: rows that were appended before may be there twice, and dedup removes every copy of a key. */
async function ensureKeyIndex(
  session: Session,
  target: Target,
  sql: string,
  columns: readonly Column[],
): Promise<void> {
  if (target.dedupBy === null) return;
  const names = keyNames(target.dedupBy, columns);
  const index = keyIndexName(target.hidden ?? target.table, names);
  await session.query(
    `CREATE INDEX IF NOT EXISTS ${quoteIdentifier(index)} ON ${sql} (${names.map(quoteIdentifier).join(', ')})`,
  );
}

export function keyNames(fields: readonly string[], columns: readonly Column[]): string[] {
  return fields.map((field) => columns.find((column) => column.field === field)!.name);
}

export function keyIndexName(table: string, keys: readonly string[]): string {
  return hashedName(`${table}_tidemark_key_${keys.join('_')}`);
}

/** The fields in staged records that the table has no column for, with what was seen of them. */
export async function unknownFields(
  session: Session,
  table: Table,
  part: string,
): Promise<Observed[]> {
  const known = `ARRAY[${table.columns.map(({ field }) => quoteLiteral(field)).join(',')}]::text[]`;
  const { rows } = await session.query(
    `SELECT key, array_agg(DISTINCT kind) AS kinds, bool_or(big) AS big FROM (
       SELECT e.key, CASE WHEN jsonb_typeof(e.value) <> 'number' THEN jsonb_typeof(e.value)
           WHEN scale((e.value)::numeric) = 0 THEN 'integer' ELSE 'number' END AS kind,
         CASE WHEN jsonb_typeof(e.value) = 'number' THEN abs((e.value)::numeric) > 9223372036854775807 ELSE false END AS big
       FROM (
         SELECT CASE WHEN jsonb_typeof(d) = 'object' THEN d - ${known} END AS d
         FROM (SELECT line->'record'->'data' AS d FROM ${part} WHERE emitted IS NULL OFFSET 0) s
         WHERE CASE WHEN jsonb_typeof(d) = 'object' THEN d - ${known} <> '{}' ELSE true END
       ) odd LEFT JOIN LATERAL jsonb_each(d) e ON true
       WHERE e.value IS NULL OR e.value <> 'null'
     ) seen GROUP BY key ORDER BY key`,
  );
  if (rows.some((row) => row['key'] === null)) throw unreadableRecord(table.target.stream);
  const observed = rows.map((row) => ({
    field: String(row['key']),
    types: row['kinds'] as string[],
    big: row['big'] === true,
  }));
  return observed.filter(({ field }) => admits(table.target, field));
}
