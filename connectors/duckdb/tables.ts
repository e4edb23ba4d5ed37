import type { Observed } from '../kit/columns.ts';
import { decimalFor, decimalScale, digitsSql } from '../kit/duckdb/casts.ts';
import { airbyteTypes, sqlTypes } from '../kit/duckdb/types.ts';
import { caseFold, quoteIdentifier } from '../kit/identifiers.ts';
import { planTable, type Column, type Table, type TableDialect } from '../kit/tables.ts';
import type { Target } from '../kit/targets.ts';
import type { Database } from './database.ts';
import type { DuckdbLedger } from './ledger.ts';

const dialect: TableDialect = {
  fold: caseFold,
  sqlTypeOf: (kind) => sqlTypes[kind],
  airbyteTypes,
  reserved: [],
};

/** Makes the table or adds the columns it lacks. Additive, idempotent, outside transactions. */
export async function ensureTable(
  database: Database,
  ledger: DuckdbLedger,
  given: Target,
  more: readonly Observed[] = [],
): Promise<Table> {
  await ledger.makeSchema(given.schema);
  const name = given.hidden ?? given.table;
  const sql = database.table(given.schema, name);
  const columnsOf = (table: string) => ledger.tableColumns(given.schema, table);
  const plan = await planTable(given, more, columnsOf, dialect);
  const { target, existing, columns, missing } = plan;
  if (existing.length === 0)
    await database.run(`CREATE TABLE IF NOT EXISTS ${sql} (${missing.join(', ')})`);
  else
    for (const definition of missing)
      await database.run(`ALTER TABLE ${sql} ADD COLUMN IF NOT EXISTS ${definition}`);
  return { target, sql, columns };
}

/** A column to be widened, and the SQL of the batch's texts for it (`text` in the relation `batch`). */
export interface Tight {
  readonly column: Column;
  readonly text: string;
}

/** The type that holds all of the batch and of the table; null: there is none, or the column's own does. */
export async function widerType(
  database: Database,
  table: Table,
  tight: Tight,
  batch: string,
): Promise<string | null> {
  const { column, text } = tight;
  if (column.type === 'BIGINT') return 'HUGEINT';
  const own = `CAST(${quoted(column)} AS VARCHAR)`;
  const batchDigits = digitsSql(text);
  const ownDigits = digitsSql(own);
  const rows = await database.rows(
    `SELECT max(whole) AS whole, max(scale) AS scale FROM (
       SELECT ${batchDigits.whole} AS whole, ${batchDigits.scale} AS scale FROM ${batch}
         WHERE regexp_full_match(${text}, '-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]{1,4})?')
       UNION ALL SELECT ${ownDigits.whole}, ${ownDigits.scale} FROM ${table.sql} WHERE ${quoted(column)} IS NOT NULL)`,
  );
  // Room on both sides, so that the next batch needs no change again.
  const type = decimalFor(Number(rows[0]?.['whole'] ?? 0), Number(rows[0]?.['scale'] ?? 0));
  return type === column.type ? null : type;
}

export const quoted = (column: Column): string => quoteIdentifier(column.name);

export const isWidenable = ({ type }: Column): boolean =>
  type === 'BIGINT' || type === 'DOUBLE' || decimalScale(type) !== null;

/** Doubles go by their shortest text, which is the number that was sent. */
export async function widen(
  database: Database,
  table: Table,
  column: Column,
  type: string,
): Promise<Table> {
  const name = quoted(column);
  await database.run(
    `ALTER TABLE ${table.sql} ALTER COLUMN ${name} SET DATA TYPE ${type} USING CAST(CAST(${name} AS VARCHAR) AS ${type})`,
  );
  return { ...table, columns: table.columns.map((c) => (c === column ? { ...c, type } : c)) };
}
