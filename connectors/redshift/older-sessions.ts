import { SyncError, type Epoch } from '../../protocol/index.ts';
import { endEarlier } from '../kit/warehouse/sessions.ts';
import type { Warehouse, WarehouseSession } from '../kit/warehouse/warehouse.ts';
import type { OnSession } from './session.ts';

/**
 * A session whose writer hangs keeps its locks for as long as it does, and LOCK TABLE waits for them (…/dg/r_LOCK.html). One may end the sessions of one's
 * own user (…/dg/PG_TERMINATE_BACKEND.html): their transactions are rolled back. Returns what is to be told each session.
 */
export async function takeOver(
  warehouse: Warehouse,
  session: WarehouseSession,
  connection: string,
  epoch: Epoch,
): Promise<OnSession> {
  const keep = await endEarlier(warehouse, session, { connection, epoch }, async (names) => {
    for (const name of names) await endIfThere(session, name);
  });
  return async (one) => {
    const { rows } = await one.query(
      'SELECT pg_backend_pid() AS pid, CAST(SYSDATE AS varchar(40)) AS told',
    );
    const { pid, told } = rows[0]!;
    await keep(`${String(pid)} ${String(told)}`, (sql, values) => one.query(sql, values));
  };
}

/**
 * Process numbers are used again (…/dg/PG_BACKEND_PID.html). A session that has this one and began before its writer told it is the writer's: of two with
 * one number the later begins when the other is gone. (…/dg/SYS_SESSION_HISTORY.html, which clusters and workgroups have; both times are in UTC.)
 */
async function endIfThere(session: WarehouseSession, name: string): Promise<void> {
  const [pid = '', ...told] = name.split(' ');
  const { rows } = await session.query(
    `SELECT session_id FROM sys_session_history
     WHERE session_id = CAST(? AS integer) AND status = 'active' AND start_time <= CAST(? AS timestamp)`,
    [pid, told.join(' ')],
  );
  if (rows.length === 0) return;
  try {
    // Apart from the view: the function runs on the leader only.
    await session.query(`SELECT pg_terminate_backend(${Number(pid)})`);
  } catch (error) {
    if ((error as { code?: unknown }).code !== '42501') throw error;
    throw stuck(Number(pid), error);
  }
}

function stuck(pid: number, cause: unknown): SyncError {
  return new SyncError('transient_error', 'A session of an earlier writer could not be ended.', {
    origin: 'destination',
    place: `pid ${pid}`,
    remedy: `End it as a superuser: SELECT pg_terminate_backend(${pid}). Or let Tidemark log in as the user of that session.`,
    facts: { pid },
    cause,
  });
}
