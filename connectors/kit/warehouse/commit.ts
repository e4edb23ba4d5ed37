import { checkCount } from '../../../protocol/index.ts';
import { airbyteColumns, extractedAtColumn, metaColumn, rawIdColumn } from '../columns.ts';
import type { Written } from '../receipt.ts';
import { own } from '../rows/rows.ts';
import type { Column, Table } from '../tables.ts';
import { nullKey } from '../targets.ts';
import type { WarehousePart } from './part.ts';
import { keyColumns } from './tables.ts';
import type { WarehouseDialect, WarehouseSession } from './warehouse.ts';

/** A part that is loaded and counted: all that the transaction need not do. */
export interface Ready extends Written {
  readonly part: WarehousePart;
}

/** Rows beyond those that states cover may be there too. */
const isCovered = (
  { records }: WarehousePart,
  { cast, own: types, quote }: WarehouseDialect,
): string => `${cast(quote(own.ordinal), types.integer)} < ${records}`;

/** Before the transaction. */
export async function ready(
  dialect: WarehouseDialect,
  session: WarehouseSession,
  table: Table,
  part: WarehousePart,
): Promise<Ready> {
  const { stream, records: given, staged } = part;
  const { cast, quote, own: types } = dialect;
  const keys = keyColumns(table);
  const { rows } = await session.query(
    `SELECT ${[
      `count(*) AS found`,
      `coalesce(sum(${cast(quote(own.nulled), types.integer)}), 0) AS nulled`,
      ...keys.map(({ name }, i) =>
        staged.hasColumn(name) ? `count(${quote(name)}) AS k${i}` : `0 AS k${i}`,
      ),
    ].join(', ')} FROM ${staged.sql} WHERE ${isCovered(part, dialect)}`,
  );
  const counts = rows[0]!;
  const one = { stream, rows: Number(counts['found']), nulled: Number(counts['nulled']), part };
  // Invariant 6.
  checkCount({ stream, given, loaded: one.rows, committed: false });
  const missing = keys.filter((_, i) => Number(counts[`k${i}`]) < given).map(({ field }) => field);
  if (missing.length > 0) throw nullKey(stream, missing);
  return one;
}

/** Inside the transaction: the staged rows into their table. */
export async function writePart(
  dialect: WarehouseDialect,
  session: WarehouseSession,
  table: Table,
  { part }: Ready,
): Promise<void> {
  const { quote } = dialect;
  const { target } = table;
  const columns = table.columns.filter(({ name }) => part.staged.hasColumn(name));
  const names = [...columns.map(({ name }) => name), ...airbyteColumns].map(quote).join(', ');
  const insert = `INSERT INTO ${table.sql} (${names})`;
  const keys = keyColumns(table);
  if (keys.length === 0) {
    await session.query(
      `${insert} SELECT ${valuesSql(dialect, table, columns).join(', ')} FROM ${part.staged.sql} WHERE ${isCovered(part, dialect)}`,
    );
    return;
  }
  await session.query(deleteSql(dialect, table, part));
  const alive = target.hardDeletes ? ` AND ${quote(own.gone)} = '0'` : '';
  await session.query(
    `${insert} SELECT ${valuesSql(dialect, table, columns).join(', ')} FROM (${lastSql(dialect, table, part)}) AS _tidemark_last WHERE _tidemark_place = 1${alive}`,
  );
}

/** A staged row as the table takes it. */
function valuesSql(
  { cast, quote, own: types, airbyte }: WarehouseDialect,
  { target }: Table,
  columns: readonly Column[],
): string[] {
  return [
    ...columns.map(({ name, type }) => cast(quote(name), type)),
    cast(quote(rawIdColumn), airbyte.id),
    cast(quote(extractedAtColumn), airbyte.instant),
    cast(quote(metaColumn), airbyte.json),
    `CAST(${target.generation} AS ${types.integer})`,
  ];
}

/** The rows with the place of each among those of its key, the last one first. Invariant 4. */
function lastSql(dialect: WarehouseDialect, table: Table, part: WarehousePart): string {
  const { cast, comparable, own: types, quote } = dialect;
  const keys = keyColumns(table).map(({ name, type }) => comparable(cast(quote(name), type), type));
  return `SELECT *, row_number() OVER (PARTITION BY ${keys.join(', ')} ORDER BY ${cast(quote(own.ordinal), types.integer)} DESC) AS _tidemark_place
    FROM ${part.staged.sql} WHERE ${isCovered(part, dialect)}`;
}

/**
 * Of every row that is there with a key of the part. The names of the table's columns are none of what is asked within. They go with the table's, since
 * BigQuery takes a column that is called as its table, or an alias, is for the whole row (cloud.google.com/bigquery/docs/schemas#column_names).
 */
function deleteSql(dialect: WarehouseDialect, table: Table, part: WarehousePart): string {
  const { cast, comparable, quote } = dialect;
  const itself = quote(table.target.hidden ?? table.target.table);
  const keys = keyColumns(table).map(({ name, type }, i) => ({
    staged: `${comparable(cast(quote(name), type), type)} AS _tidemark_key_${i}`,
    same: `_tidemark_staged._tidemark_key_${i} = ${comparable(`${itself}.${quote(name)}`, type)}`,
  }));
  return `DELETE FROM ${table.sql} WHERE EXISTS (
    SELECT 1 FROM (SELECT DISTINCT ${keys.map(({ staged }) => staged).join(', ')} FROM ${part.staged.sql} WHERE ${isCovered(part, dialect)}) AS _tidemark_staged
    WHERE ${keys.map(({ same }) => same).join(' AND ')})`;
}
