import type { OpenInput } from '../../protocol/index.ts';
import { refuseTooFew } from '../kit/hidden.ts';
import { quoteIdentifier } from '../kit/identifiers.ts';
import type { Table } from '../kit/tables.ts';
import type { Database } from './database.ts';
import type { DuckdbLedger } from './ledger.ts';

/**
 * Inside the commit's transaction: the hidden table takes the place of the old one. Views go by name, so they show the new one.
 * Returns the table to load from now on.
 */
export async function publish(
  database: Database,
  ledger: DuckdbLedger,
  table: Table,
  { connection, rowsMin }: Pick<OpenInput, 'connection' | 'rowsMin'>,
): Promise<Table> {
  const { target } = table;
  await refuseTooFew(table, rowsMin, (query) => database.rows(query));
  const sql = database.table(target.schema, target.table);
  await database.run(`DROP TABLE IF EXISTS ${sql}`);
  await database.run(`ALTER TABLE ${table.sql} RENAME TO ${quoteIdentifier(target.table)}`);
  await ledger.published(connection, target);
  return { ...table, target: { ...target, hidden: null }, sql };
}
