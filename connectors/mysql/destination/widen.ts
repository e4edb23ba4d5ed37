import { quoteIdentifier } from '../../kit/identifiers.ts';
import type { Numbers } from '../../kit/rows/observe.ts';
import type { Column, Table } from '../../kit/tables.ts';
import type { Session } from './session.ts';
import { parseType, widerType } from './types.ts';

/**
 * The table with its tight columns made wide enough, where there is a type that holds what they must and what they have: that is looked for in
 * the table and in the staged ones that are yet to go into it. Outside transactions; the table is rewritten once.
 */
export async function widen(
  session: Session,
  table: Table,
  tight: readonly Numbers[],
  stagedWith: (column: Column) => readonly string[],
): Promise<Table> {
  const types = new Map<Column, string>();
  for (const { column, digits } of tight) {
    const type = widerType(column.type, digits);
    if (type === null) continue;
    if (await keepsAll(session, column, type, [table.sql, ...stagedWith(column)]))
      types.set(column, type);
  }
  if (types.size === 0) return table;
  const changes = [...types].map(
    ([{ name }, type]) => `MODIFY COLUMN ${quoteIdentifier(name)} ${type}`,
  );
  await session.query(`ALTER TABLE ${table.sql} ${changes.join(', ')}`);
  return {
    ...table,
    columns: table.columns.map((column) => ({ ...column, type: types.get(column) ?? column.type })),
  };
}

/** Doubles go by their shortest text, which is the number that was sent. */
async function keepsAll(
  session: Session,
  column: Column,
  type: string,
  tables: readonly string[],
): Promise<boolean> {
  const { name: own } = parseType(column.type);
  if (own === 'bigint') return true;
  const name = quoteIdentifier(column.name);
  const cast = `CAST(${name} AS ${type})`;
  const back = own === 'double' ? `CAST(${cast} AS double)` : cast;
  for (const sql of tables) {
    const { count } = await session.query(`SELECT 1 FROM ${sql} WHERE ${back} <> ${name} LIMIT 1`);
    if (count > 0) return false;
  }
  return true;
}
