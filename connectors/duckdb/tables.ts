import {
  columnsMax,
  extractedAtColumn,
  generationColumn,
  metaColumn,
  rawIdColumn,
  type Observed,
} from '../kit/columns.ts';
import { caseFold } from '../kit/identifiers.ts';
import {
  admits,
  inherited,
  planColumns,
  settle,
  wantedFields,
  type Column,
  type Table,
  type TableDialect,
} from '../kit/tables.ts';
import { tooManyColumns, type Target } from '../kit/targets.ts';
import type { Database } from './database.ts';
import type { DuckdbLedger } from './ledger.ts';
import { decimalDigitsMax, decimalScale, digitsSql, pointer, quoted, sqlTypeOf } from './types.ts';

const dialect: TableDialect = {
  fold: caseFold,
  sqlTypeOf,
  airbyteTypes: {
    [rawIdColumn]: 'UUID',
    [extractedAtColumn]: 'TIMESTAMP WITH TIME ZONE',
    [metaColumn]: 'JSON',
    [generationColumn]: 'BIGINT',
  },
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
  const existing = await ledger.tableColumns(given.schema, name);
  const isModelled = given.frozen && given.hidden !== null;
  const visible = isModelled ? await ledger.tableColumns(given.schema, given.table) : existing;
  const target = settle(given, visible);
  const wanted = wantedFields(target, more);
  const { columns, missing } = planColumns(
    wanted,
    { existing, taken: inherited(given, visible, existing) },
    dialect,
  );
  if (existing.length === 0)
    await database.run(`CREATE TABLE IF NOT EXISTS ${sql} (${missing.join(', ')})`);
  else
    for (const definition of missing)
      await database.run(`ALTER TABLE ${sql} ADD COLUMN IF NOT EXISTS ${definition}`);
  return { target, sql, columns };
}

/** The fields in staged records that the table has no column for, with what was seen of them. */
export async function unknownFields(
  database: Database,
  table: Table,
  staged: string,
): Promise<Observed[]> {
  // As JSON texts: the driver drops a byte order mark at the beginning of a text.
  const rows = await database.rows(
    `SELECT DISTINCT to_json(unnest(json_keys(data)))::VARCHAR AS key FROM ${staged}`,
  );
  const known = new Set(table.columns.map(({ field }) => field));
  const fields = rows
    .map((row) => JSON.parse(String(row['key'])) as string)
    .filter((field) => !known.has(field) && admits(table.target, field));
  if (fields.length + known.size > columnsMax)
    throw tooManyColumns(table.target.stream, fields.length + known.size);
  const observed: Observed[] = [];
  for (const field of fields.sort()) {
    const one = await observe(database, staged, field);
    // Only nulls so far: the column comes with the first value.
    if (one.types.length > 0) observed.push(one);
  }
  return observed;
}

async function observe(database: Database, staged: string, field: string): Promise<Observed> {
  const rows = await database.rows(
    `SELECT DISTINCT CASE WHEN kind IN ('DOUBLE', 'BIGINT', 'UBIGINT', 'HUGEINT') THEN
         CASE WHEN NOT regexp_full_match(text, '-?[0-9]+') THEN 'number' WHEN TRY_CAST(text AS BIGINT) IS NULL THEN 'big' ELSE 'integer' END
       WHEN kind = 'VARCHAR' THEN 'string' ELSE lower(kind) END AS kind
     FROM (SELECT json_type(data, ${pointer(field)}) AS kind, json_extract_string(data, ${pointer(field)}) AS text FROM ${staged})
     WHERE kind IS NOT NULL AND kind <> 'NULL'`,
  );
  const kinds = new Set(rows.map((row) => String(row['kind'])));
  const big = kinds.delete('big');
  if (big) kinds.add('integer');
  return { field, types: [...kinds].sort(), big };
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
  const whole = Number(rows[0]?.['whole'] ?? 0);
  const scale = Number(rows[0]?.['scale'] ?? 0);
  if (whole + scale > decimalDigitsMax) return null;
  // Room on both sides, so that the next batch needs no change again.
  const type = `DECIMAL(38,${scale + Math.floor((decimalDigitsMax - whole - scale) / 2)})`;
  return type === column.type ? null : type;
}

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
