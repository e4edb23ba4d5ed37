import type { LookBack } from '../../kit/tables-source/look-back.ts';
import type { LogMessage, ReadInput, StreamDescriptor, StreamId } from '../../../protocol/index.ts';
import type { Session } from '../session.ts';
import type { PostgresSourceConfig } from './config.ts';
import { hasPlaces } from './discover.ts';
import { relationSql, type Selection } from './selection.ts';

/** What the transaction sees: all transactions below `oldest` were over. 64-bit numbers, which never come again. */
export interface Snapshot {
  readonly oldest: bigint;
  readonly next: bigint;
}

/** One stream, read in one transaction that sees one moment. */
export interface StreamRead {
  readonly snapshot: Snapshot;
  readonly session: Session;
  readonly selection: Selection;
  readonly input: Pick<ReadInput<PostgresSourceConfig>, 'config' | 'drain' | 'abort'>;
  readonly id: StreamId;
  readonly stream: StreamDescriptor;
  readonly lookBack: LookBack | null;
}

/**
 * Begins it. The lock comes before the snapshot: a table that is rewritten in between would look empty. It holds off nothing but what
 * rewrites or drops the table.
 */
export async function beginReading(session: Session, selection: Selection): Promise<Snapshot> {
  await session.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  if (hasPlaces(selection.relation))
    await session.query(`LOCK TABLE ${relationSql(selection.relation)} IN ACCESS SHARE MODE`);
  const { rows } = await session.query(
    `SELECT pg_snapshot_xmin(s)::text AS oldest, pg_snapshot_xmax(s)::text AS next FROM pg_current_snapshot() s`,
  );
  const { oldest, next } = rows[0] as { oldest: string; next: string };
  return { oldest: BigInt(oldest), next: BigInt(next) };
}

export const endReading = async (session: Session): Promise<void> =>
  void (await session.query('ROLLBACK'));

export const copySql = (select: string): string => `COPY (${select}) TO STDOUT (FORMAT binary)`;

export function logged(level: 'INFO' | 'WARN', message: string): LogMessage {
  return { type: 'LOG', log: { level, message } };
}
