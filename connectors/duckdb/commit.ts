import { unknownFields } from '../kit/duckdb/observe.ts';
import {
  columnAt,
  stageRecords,
  textAt,
  textsSql,
  typeRecords,
  type Staged,
  type Typed,
} from '../kit/duckdb/stage.ts';
import { quoteIdentifier } from '../kit/identifiers.ts';
import type { Written } from '../kit/receipt.ts';
import { columnNames, targetWithColumns, type Table } from '../kit/tables.ts';
import { nullKey } from '../kit/targets.ts';
import type { Database } from './database.ts';
import type { DuckdbLedger } from './ledger.ts';
import type { DuckdbSealedPart } from './part.ts';
import { ensureTable, isWidenable, quoted, widen, widerType } from './tables.ts';

/** A stream's part of a commit: typed, counted, ready to be moved into its table. */
export interface Batch extends Written {
  readonly table: Table;
  /** The temporary table with the typed rows. */
  readonly typed: string;
}

/** Stages and types a stream's parts, and widens its table as they need. All of it before the transaction: DDL stays outside. */
export async function prepareBatch(
  database: Database,
  ledger: DuckdbLedger,
  known: Table,
  parts: readonly DuckdbSealedPart[],
): Promise<Batch> {
  const { stream } = known.target;
  const names = {
    staged: 'temp._tidemark_staged',
    typed: `temp.${quoteIdentifier(`_tidemark_typed_${stream}`)}`,
  };
  const found = await stageRecords(database, parts, names.staged);
  let table = await withUnknownFields(database, ledger, known, names.staged);
  let typed = await typeRecords(database, table, names, found);
  const wider = await widened(database, table, { staged: names.staged, found, typed });
  if (wider !== table) {
    table = wider;
    typed = await typeRecords(database, table, names, found);
  }
  await database.run(`DROP TABLE ${names.staged}`);
  await refuseNullKeys(database, table, names.typed);
  return { stream, table, typed: names.typed, rows: typed.rows, nulled: typed.nulled };
}

async function withUnknownFields(
  database: Database,
  ledger: DuckdbLedger,
  table: Table,
  staged: string,
): Promise<Table> {
  const unknown = await unknownFields(database, table, staged);
  if (unknown.length === 0) return table;
  return ensureTable(database, ledger, targetWithColumns(table), unknown);
}

async function widened(
  database: Database,
  table: Table,
  batch: { readonly staged: string; readonly found: Staged; readonly typed: Typed },
): Promise<Table> {
  let wider = table;
  for (const column of batch.typed.misfits.keys()) {
    if (!isWidenable(column)) continue;
    const tight = { column, text: textAt(table.columns.indexOf(column)) };
    const texts = textsSql(table, batch.staged, batch.found);
    const type = await widerType(database, table, tight, texts);
    if (type !== null) wider = await widen(database, wider, column, type);
  }
  return wider;
}

async function refuseNullKeys(database: Database, table: Table, typed: string): Promise<void> {
  const { dedupBy, stream } = table.target;
  if (dedupBy === null) return;
  const [row] = await database.rows(
    `SELECT ${keysOf(table)
      .map((key) => `count(*) - count(${key}) AS ${key}`)
      .join(', ')} FROM ${typed}`,
  );
  const missing = dedupBy.filter((_, i) => Number(row![keysOf(table)[i]!]) > 0);
  if (missing.length > 0) throw nullKey(stream, missing);
}

const keyColumns = (table: Table): number[] =>
  table.target.dedupBy!.map((field) => table.columns.findIndex((c) => c.field === field));
const keysOf = (table: Table): string[] => keyColumns(table).map(columnAt);

/** Inside the transaction: the typed rows into their table. In dedup the last record of each key wins. Invariant 4. */
export async function moveBatch(database: Database, { table, typed }: Batch): Promise<void> {
  const { columns, target } = table;
  const values = [
    ...columns.map((_, i) => columnAt(i)),
    'raw_id',
    'extracted_at',
    'meta',
    'generation_id',
  ].join(', ');
  const insert = `INSERT INTO ${table.sql} (${columnNames(table)}) SELECT ${values} FROM`;
  if (target.dedupBy === null) {
    // In the order that they are in: DuckDB keeps it (preserve_insertion_order), and sorting rows costs as much as inserting them.
    await database.run(`${insert} ${typed}`);
    return;
  }
  const keys = keyColumns(table);
  const list = keys.map(columnAt).join(', ');
  await database.run(
    `DELETE FROM ${table.sql} AS t USING (SELECT DISTINCT ${list} FROM ${typed}) AS k
     WHERE ${keys.map((i) => `t.${quoted(columns[i]!)} = k.${columnAt(i)}`).join(' AND ')}`,
  );
  await database.run(
    `${insert} (SELECT * FROM ${typed} QUALIFY row_number() OVER (PARTITION BY ${list} ORDER BY ordinal DESC) = 1)
     ${target.hardDeletes ? 'WHERE NOT gone' : ''} ORDER BY ordinal`,
  );
}
