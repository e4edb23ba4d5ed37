import type { OpenInput } from '../../../protocol/index.ts';
import { hiddenPrefix, refuseTooFew } from '../hidden.ts';
import type { Table } from '../tables.ts';
import type { Publication, WarehouseLedger } from './ledger.ts';
import type { Warehouse, WarehouseSession } from './warehouse.ts';

// No warehouse replaces a table within a transaction as others see it. So the commit that completes a stream records that its hidden table is to be
// published, then that takes the place of the visible one, then that is recorded. Whoever opens next makes up for a crash in between. Since a hidden
// table is named by its generation, and is gone once it is published, a late one by a writer that was fenced off names nothing.

/** Inside the commit's transaction. Returns the table to load from now on. */
export async function decide(
  { dialect }: Warehouse,
  session: WarehouseSession,
  ledger: WarehouseLedger,
  table: Table,
  { rowsMin }: Pick<OpenInput, 'rowsMin'>,
): Promise<Table> {
  const { target } = table;
  await refuseTooFew(table, rowsMin, async (query) => (await session.query(query)).rows);
  await ledger.publishing(target);
  return {
    ...table,
    target: { ...target, hidden: null },
    sql: dialect.table(target.schema, target.table),
  };
}

/** After the transaction, as often as it takes. */
export async function exchange(
  warehouse: Warehouse,
  session: WarehouseSession,
  ledger: WarehouseLedger,
  publication: Publication,
): Promise<void> {
  const { schema, table, generation } = publication;
  const hidden = `${hiddenPrefix(schema, table)}${generation}`;
  if ((await ledger.tableColumns(schema, hidden)).length > 0)
    await warehouse.replace(session, schema, hidden, table);
  await ledger.dropTable(schema, hidden);
  await ledger.hasPublished(publication);
}
