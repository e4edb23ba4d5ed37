import { compareEpochs, type Epoch } from '../../../protocol/index.ts';
import type { Row } from '../ledger-cells.ts';
import { sessionTable } from '../ledger.ts';
import type { Binding, Warehouse, WarehouseSession } from './warehouse.ts';

/** Statements name no more of them than this. Invariant 7: what is left is for the next writer. */
const endedMax = 100;

/** Keeps the name of a session for the next writer: to be awaited before the session's first transaction. `query` runs outside of any, may be in it. */
export type KeepSession = (
  name: string,
  query: (sql: string, values: readonly Binding[]) => Promise<unknown>,
) => Promise<void>;

/**
 * Where a server does not tell whose a session is, a writer keeps the names of its own beside the checkpoints, and the next one ends them. Invariant 3:
 * only those of epochs before its own. `end`: most of these have ended by themselves. `connection`: as in the names of tables.
 */
export async function endEarlier(
  warehouse: Warehouse,
  session: WarehouseSession,
  { connection, epoch }: { readonly connection: string; readonly epoch: Epoch },
  end: (names: readonly string[]) => Promise<void>,
): Promise<KeepSession> {
  const { text, integer } = warehouse.dialect.own;
  const name = `${sessionTable}_${connection}`;
  const table = warehouse.dialect.table(warehouse.schema, name);
  if ((await warehouse.columnsOf(session, warehouse.schema, name)).length === 0)
    await session.query(
      `CREATE TABLE IF NOT EXISTS ${table} (session_id ${text}, sync_no ${integer}, attempt_at ${integer})`,
    );
  const { rows } = await session.query(`SELECT session_id, sync_no, attempt_at FROM ${table}`);
  const earlier = rows
    .filter((row) => compareEpochs(epochOf(row), epoch) < 0)
    .slice(0, endedMax)
    .map((row) => String(row['session_id']));
  if (earlier.length > 0) {
    await end(earlier);
    await session.query(
      `DELETE FROM ${table} WHERE session_id IN (${earlier.map(() => '?').join(', ')})`,
      earlier,
    );
  }
  const insert = `INSERT INTO ${table} (session_id, sync_no, attempt_at)
    SELECT CAST(? AS ${text}), CAST(? AS ${integer}), CAST(? AS ${integer})`;
  return async (id, query) => {
    await query(insert, [id, String(epoch.syncNo), String(epoch.at)]);
  };
}

const epochOf = (row: Row): Epoch => ({
  syncNo: Number(row['sync_no']),
  at: Number(row['attempt_at']),
});
