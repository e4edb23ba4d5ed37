import type { OpenInput } from '../../../protocol/index.ts';
import { refuseTooFew } from '../hidden.ts';
import type { Table } from '../tables.ts';
import type { WarehouseLedger } from './ledger.ts';
import type { Replacement } from './owners.ts';
import type { Warehouse, WarehouseSession } from './warehouse.ts';

// No warehouse gives a table the rows of another within a transaction as everybody sees it. So the transaction records that it is to be done, then it is,
// then that is recorded. Whoever opens next makes up for a crash in between. Since the table that the rows come from has a name of its own, and is gone
// once they are there, a late one by a writer that was fenced off names nothing.

/** Inside the commit that completes a stream: its hidden table takes the place of the visible one. */
export async function publish(
  session: WarehouseSession,
  ledger: WarehouseLedger,
  table: Table,
  { rowsMin }: Pick<OpenInput, 'rowsMin'>,
): Promise<Replacement> {
  const { schema, table: to, hidden, generation } = table.target;
  await refuseTooFew(table, rowsMin, async (query) => (await session.query(query)).rows);
  const replacement = { schema, table: to, from: hidden!, to, generation };
  await ledger.owners.replacing(replacement);
  return replacement;
}

/** After the transaction, as often as it takes. */
export async function replace(
  warehouse: Warehouse,
  session: WarehouseSession,
  ledger: WarehouseLedger,
  replacement: Replacement,
): Promise<void> {
  const { schema, from, to } = replacement;
  if ((await ledger.tableColumns(schema, from)).length > 0)
    await warehouse.replace(session, schema, from, to);
  await ledger.dropTable(schema, from);
  await ledger.owners.hasReplaced(replacement);
}
