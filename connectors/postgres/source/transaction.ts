import { quoteLiteral } from '../../kit/identifiers.ts';
import type { LookBack } from '../../kit/tables-source/look-back.ts';
import type { LogMessage, ReadInput, StreamDescriptor, StreamId } from '../../../protocol/index.ts';
import type { Session } from '../session.ts';
import type { Helpers } from './helpers.ts';
import type { PostgresSourceConfig } from './config.ts';
import { hasPlaces } from './discover.ts';
import { relationSql, type Selection } from './selection.ts';

/** What the transaction sees: all transactions below `oldest` were over. 64-bit numbers, which never come again. */
export interface Snapshot {
  readonly oldest: bigint;
  readonly next: bigint;
  /** As Postgres writes it: see `parseSnapshot`. */
  readonly text: string;
  /** A place of the log: all that it sees was committed before. As Postgres writes it. */
  readonly until: string;
}

export type ReadingInput = Pick<
  ReadInput<PostgresSourceConfig>,
  'config' | 'accepts' | 'drain' | 'abort' | 'parallelism'
>;

/** One stream, read in transactions that see one moment. */
export interface StreamRead {
  readonly snapshot: Snapshot;
  readonly session: Session;
  /** Sessions beside it. */
  readonly helpers: Helpers;
  readonly selection: Selection;
  readonly input: ReadingInput;
  readonly id: StreamId;
  readonly stream: StreamDescriptor;
  readonly lookBack: LookBack | null;
  /** Told what its transaction sees, before it reads. */
  readonly began?: (snapshot: Snapshot) => void;
  /** Told from which session something is awaited, as it is another one. */
  readonly awaits?: (session: Session) => void;
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
    `SELECT pg_snapshot_xmin(s)::text AS oldest, pg_snapshot_xmax(s)::text AS next, s::text AS text,
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text AS until
     FROM pg_current_snapshot() s`,
  );
  const { oldest, next, text, until } = rows[0] as Record<string, string>;
  return { oldest: BigInt(oldest!), next: BigInt(next!), text: text!, until: until! };
}

/** What it sees, for others that join it. */
export async function exportSnapshot(session: Session): Promise<string> {
  const { rows } = await session.query('SELECT pg_export_snapshot() AS id');
  return rows[0]!['id'] as string;
}

/**
 * Begins another one that sees what an exported snapshot does. The lock is not waited for: who waits for the table by now waits for the session that leads,
 * and would hold off this one, whose rows come before that session's next.
 */
export async function joinReading(
  session: Session,
  selection: Selection,
  snapshot: string,
): Promise<void> {
  await session.query(
    `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshot)};
     LOCK TABLE ${relationSql(selection.relation)} IN ACCESS SHARE MODE NOWAIT`,
  );
}

export const endReading = async (session: Session): Promise<void> =>
  void (await session.query('ROLLBACK'));

export const copySql = (select: string, format: 'binary' | 'text'): string =>
  `COPY (${select}) TO STDOUT (FORMAT ${format})`;

export function logged(level: 'INFO' | 'WARN', message: string): LogMessage {
  return { type: 'LOG', log: { level, message } };
}
