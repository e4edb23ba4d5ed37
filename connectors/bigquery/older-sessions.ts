import type { Epoch } from '../../protocol/index.ts';
import { endEarlier } from '../kit/warehouse/sessions.ts';
import type { Warehouse, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import type { Jobs } from './jobs.ts';
import { endSession, runQuery, type OnSession } from './session.ts';
import { ServiceError } from './service-error.ts';

/**
 * The service keeps a transaction whose writer has died, or hangs, until its session has been silent for a day, and all that time others that change
 * the same tables are cancelled (cloud.google.com/bigquery/docs/transactions#transaction_concurrency, /docs/sessions-terminating). Returns what is to be
 * told the name of each session.
 */
export async function takeOver(
  { warehouse, session, jobs }: Place,
  connection: string,
  epoch: Epoch,
  abort: AbortSignal,
): Promise<OnSession> {
  const keep = await endEarlier(warehouse, session, { connection, epoch }, async (ids) => {
    await Promise.all(ids.map((id) => endIfThere(jobs, id, abort)));
  });
  return (id) => keep(id, (sql, values) => runQuery(jobs, { sql, values }, abort));
}

interface Place {
  readonly warehouse: Warehouse;
  readonly session: WarehouseSession;
  readonly jobs: Jobs;
}

/** Most have ended by themselves: the service then refuses the name. What else fails may have left it as it was. */
async function endIfThere(jobs: Jobs, id: string, abort: AbortSignal): Promise<void> {
  try {
    await endSession(jobs, id, abort);
  } catch (error) {
    const isGone = error instanceof ServiceError && /session/i.test(error.message);
    if (!isGone) throw error;
  }
}
