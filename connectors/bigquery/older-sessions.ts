import { compareEpochs, type Epoch } from '../../protocol/index.ts';
import { sessionTable } from '../kit/ledger.ts';
import type { Row } from '../kit/ledger-cells.ts';
import type { Warehouse, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import type { Jobs } from './jobs.ts';
import { endSession, runQuery, type OnSession } from './session.ts';
import { ServiceError } from './service-error.ts';

/** Statements name no more of them than this. */
const endedMax = 100;

/**
 * The service keeps a transaction whose writer has died, or hangs, until its session has been silent for a day, and all that time others that change
 * the same tables are cancelled (cloud.google.com/bigquery/docs/transactions#transaction_concurrency, /docs/sessions-terminating). So a writer keeps
 * the names of its sessions beside the checkpoints, before the first transaction in each, and the next one ends them. Invariant 3: only those of
 * epochs before its own. Returns what is to be told the name of each session.
 */
export async function takeOver(
  { warehouse, session, jobs }: Place,
  connection: string,
  epoch: Epoch,
  abort: AbortSignal,
): Promise<OnSession> {
  const name = `${sessionTable}_${connection}`;
  const table = warehouse.dialect.table(warehouse.schema, name);
  if ((await warehouse.columnsOf(session, warehouse.schema, name)).length === 0)
    await session.query(
      `CREATE TABLE IF NOT EXISTS ${table} (session_id STRING, sync_no INT64, attempt_at INT64)`,
    );
  const { rows } = await session.query(`SELECT session_id, sync_no, attempt_at FROM ${table}`);
  const older = rows.filter((row) => compareEpochs(epochOf(row), epoch) < 0).slice(0, endedMax);
  const ids = older.map((row) => String(row['session_id']));
  await Promise.all(ids.map((id) => endIfThere(jobs, id, abort)));
  if (ids.length > 0)
    await session.query(
      `DELETE FROM ${table} WHERE session_id IN (${ids.map(() => '?').join(', ')})`,
      ids,
    );
  const sql = `INSERT INTO ${table} (session_id, sync_no, attempt_at) SELECT ?, CAST(? AS INT64), CAST(? AS INT64)`;
  return async (id) => {
    await runQuery(jobs, { sql, values: [id, String(epoch.syncNo), String(epoch.at)] }, abort);
  };
}

interface Place {
  readonly warehouse: Warehouse;
  readonly session: WarehouseSession;
  readonly jobs: Jobs;
}

const epochOf = (row: Row): Epoch => ({
  syncNo: Number(row['sync_no']),
  at: Number(row['attempt_at']),
});

/** Most have ended by themselves: the service then refuses the name. What else fails may have left it as it was. */
async function endIfThere(jobs: Jobs, id: string, abort: AbortSignal): Promise<void> {
  try {
    await endSession(jobs, id, abort);
  } catch (error) {
    const isGone = error instanceof ServiceError && /session/i.test(error.message);
    if (!isGone) throw error;
  }
}
