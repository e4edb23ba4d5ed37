import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError, type ConnectionRef, type Epoch } from '../../../protocol/index.ts';
import { shortHash } from '../../kit/identifiers.ts';
import { fenceOf } from '../../kit/ledger-cells.ts';
import { sessionTable } from '../../kit/ledger.ts';
import { numberOf } from '../errors.ts';
import type { MysqlLedger } from './ledger.ts';
import type { Session } from './session.ts';
import { tableSql } from './tables.ts';

/** A killed session needs a moment to undo its transaction and let its locks go. */
const endingMsMax = 30_000;
const pollMs = 50;

/** `no such thread`: it ended by itself. */
const gone = 1094;

/**
 * What a writer's session holds while it lives, by which a newer writer finds it: servers tell sessions apart by nothing else that all of them
 * show. Locks of this kind have names of 64 characters at most, for all databases.
 */
export const lockName = (
  database: string,
  connection: ConnectionRef,
  { syncNo, at }: Epoch,
): string => `tidemark/${shortHash(JSON.stringify([database, connection.id]), 24)}/${syncNo}/${at}`;

/** So that it is found, before it does anything. */
export async function announce(
  session: Session,
  ledger: MysqlLedger,
  connection: ConnectionRef,
  epoch: Epoch,
): Promise<void> {
  await ledger.make(
    sessionTable,
    'connection_id varchar(64) NOT NULL, sync_no bigint NOT NULL, attempt_at bigint NOT NULL, PRIMARY KEY (connection_id, sync_no, attempt_at)',
  );
  await session.query(
    `INSERT INTO ${tableSql(ledger.schema, sessionTable)} (connection_id, sync_no, attempt_at) VALUES (?, ?, ?) ON DUPLICATE KEY UPDATE sync_no = sync_no`,
    [connection.id, epoch.syncNo, epoch.at],
  );
  await session.query('SELECT GET_LOCK(?, 0) AS got', [lockName(ledger.schema, connection, epoch)]);
}

/**
 * Ends the sessions of the connection's earlier writers, before anything waits for their locks: a frozen writer's transaction would hold
 * them for ever. Of a lower sync all, of the same sync those of earlier attempts. Invariant 3.
 */
export async function endOlderSessions(
  session: Session,
  ledger: MysqlLedger,
  connection: ConnectionRef,
  epoch: Epoch,
): Promise<void> {
  const { syncNo, at } = epoch;
  const sessions = tableSql(ledger.schema, sessionTable);
  const { rows } = await session.query(
    `SELECT sync_no, attempt_at FROM ${sessions} WHERE connection_id = ? AND (sync_no < ? OR (sync_no = ? AND attempt_at < ?))`,
    [connection.id, syncNo, syncNo, at],
  );
  for (const theirs of rows.map(fenceOf)) {
    await end(session, lockName(ledger.schema, connection, theirs));
    await session.query(
      `DELETE FROM ${sessions} WHERE connection_id = ? AND sync_no = ? AND attempt_at = ?`,
      [connection.id, theirs.syncNo, theirs.at],
    );
  }
}

async function end(session: Session, lock: string): Promise<void> {
  const deadline = Date.now() + endingMsMax;
  for (;;) {
    const { rows } = await session.query('SELECT IS_USED_LOCK(?) AS id', [lock]);
    const id = rows[0]!['id'];
    if (id === null) return;
    try {
      await session.query(`KILL CONNECTION ${Number(id)}`);
    } catch (error) {
      if (numberOf(error) !== gone) throw stuck(Number(id), error);
    }
    if (Date.now() > deadline) throw stuck(Number(id));
    await sleep(pollMs);
  }
}

function stuck(id: number, cause?: unknown): SyncError {
  return new SyncError('transient_error', 'A session of an earlier writer could not be ended.', {
    origin: 'destination',
    place: `session ${id}`,
    remedy: `End it as an administrator: KILL ${id}.`,
    facts: { id },
    ...(cause !== undefined && { cause }),
  });
}
