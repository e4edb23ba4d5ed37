import { setTimeout as sleep } from 'node:timers/promises';
import type { Warehouse, WarehouseSession } from './warehouse.ts';

/** After a conflict with another transaction the same statements run again this often. */
const conflictRetriesMax = 8;
const conflictDelayMs = 250;

/** Runs `work` in a transaction, anew after conflicts. Its errors are the driver's, or those of `work`. */
export async function transaction<T>(
  { isConflict }: Pick<Warehouse, 'isConflict'>,
  session: WarehouseSession,
  abort: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let conflicts = 0; ; conflicts += 1) {
    try {
      await session.query('BEGIN TRANSACTION');
      const result = await work();
      await session.query('COMMIT');
      return result;
    } catch (error) {
      // A lost session has rolled back already; its own error is the one to tell.
      await session.query('ROLLBACK').catch(() => undefined);
      if (!isConflict(error) || conflicts >= conflictRetriesMax) throw error;
    }
    const pause = conflictDelayMs * 2 ** Math.min(conflicts, 5);
    // Each at another time: connections that begin together meet at the tables that all share.
    await sleep(pause * (0.5 + Math.random()), undefined, { signal: abort });
  }
}
