import { setTimeout as sleep } from 'node:timers/promises';
import {
  compareEpochs,
  SyncError,
  type ConnectionRef,
  type Epoch,
} from '../../../protocol/index.ts';
import type { Row, Session } from '../session.ts';
import { sessionPrefix } from './writer-session.ts';

/** A terminated backend needs a moment to undo its transaction and let its locks go. */
const endingMsMax = 10_000;
const pollMs = 50;

/**
 * Ends the sessions of the connection's earlier writers, before anything waits for their locks: a frozen writer's transaction would hold
 * them for ever. Of a lower sync all, of the same sync those of earlier attempts. Invariant 3.
 */
export async function endOlderSessions(
  session: Session,
  connection: ConnectionRef,
  epoch: Epoch,
): Promise<void> {
  const deadline = Date.now() + endingMsMax;
  for (;;) {
    const older = await olderSessions(session, connection, epoch);
    if (older.length === 0) return;
    for (const pid of older) await terminate(session, pid);
    if (Date.now() > deadline) throw stuck(older[0]!);
    await sleep(pollMs);
  }
}

async function olderSessions(
  session: Session,
  connection: ConnectionRef,
  epoch: Epoch,
): Promise<number[]> {
  const prefix = sessionPrefix(connection);
  const { rows } = await session.query(
    `SELECT pid, application_name AS name FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND starts_with(application_name, $1)`,
    [prefix],
  );
  return rows.flatMap((row: Row) => {
    const [syncNo, at] = String(row['name']).slice(prefix.length).split('/').map(Number);
    const theirs = { syncNo: syncNo ?? 0, at: at ?? 0 };
    return compareEpochs(theirs, epoch) < 0 ? [Number(row['pid'])] : [];
  });
}

async function terminate(session: Session, pid: number): Promise<void> {
  try {
    await session.query('SELECT pg_terminate_backend($1)', [pid]);
  } catch (error) {
    if ((error as { code?: string }).code !== '42501') throw error;
    throw stuck(pid, error);
  }
}

function stuck(pid: number, cause?: unknown): SyncError {
  return new SyncError('transient_error', 'A session of an earlier writer could not be ended.', {
    origin: 'destination',
    place: `pid ${pid}`,
    remedy: `End it as a superuser: SELECT pg_terminate_backend(${pid}).`,
    facts: { pid },
    ...(cause !== undefined && { cause }),
  });
}
