import type { OpenInput } from '../../protocol/index.ts';
import { quoteIdentifier } from '../kit/identifiers.ts';
import type { Table } from '../kit/tables.ts';
import { hiddenPrefix, refuseFewRows, staleHidden, type Target } from '../kit/targets.ts';
import type { Database } from './database.ts';
import type { DuckdbLedger } from './ledger.ts';

/** Drops what earlier generations left out of sight. */
export async function sweepHidden(
  database: Database,
  ledger: DuckdbLedger,
  target: Target,
): Promise<void> {
  const prefix = hiddenPrefix(target.schema, target.table);
  const names = await ledger.tableNames(target.schema, prefix);
  for (const name of staleHidden(names, target))
    await database.run(`DROP TABLE IF EXISTS ${database.table(target.schema, name)}`);
}

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
  await refuseTooFew(database, table, rowsMin);
  const sql = database.table(target.schema, target.table);
  await database.run(`DROP TABLE IF EXISTS ${sql}`);
  await database.run(`ALTER TABLE ${table.sql} RENAME TO ${quoteIdentifier(target.table)}`);
  await ledger.published(connection, target);
  return { ...table, target: { ...target, hidden: null }, sql };
}

/** Counts no further than it must. */
async function refuseTooFew(
  database: Database,
  { sql, target }: Table,
  min: number,
): Promise<void> {
  if (min <= 0) return;
  const rows = await database.rows(
    `SELECT count(*) AS rows FROM (SELECT 1 FROM ${sql} LIMIT ${min})`,
  );
  refuseFewRows(target.stream, Number(rows[0]!['rows']), min);
}
