import type { Epoch, Scope } from '../../protocol/index.ts';
import type { LedgerRow } from './ledger.ts';

/** A row as a driver gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Columns of the table of checkpoints after `connection_id` and `scope`. */
export const ledgerColumns = [
  'edition',
  'sync_no',
  'attempt_at',
  'checkpoint_sync_no',
  'checkpoint_attempt_at',
  'seq',
  'state',
  'records',
  'bytes',
  'complete',
  'by_stream',
  'committed_at',
] as const;

/** `null` is spelled as SQL spells it. */
export type Cell = string | number | boolean | null;

export function cellsOf(row: LedgerRow): Record<'scope' | (typeof ledgerColumns)[number], Cell> {
  return {
    scope: row.scope,
    edition: row.edition,
    sync_no: row.fence.syncNo,
    attempt_at: row.fence.at,
    checkpoint_sync_no: row.epoch.syncNo,
    checkpoint_attempt_at: row.epoch.at,
    seq: row.seq,
    state: row.state,
    records: row.records,
    bytes: row.bytes,
    complete: row.complete,
    by_stream: row.byStream,
    committed_at: row.committedAt,
  };
}

export function fenceOf(row: Row): Epoch {
  return { syncNo: Number(row['sync_no']), at: Number(row['attempt_at']) };
}

/** Some drivers give 64-bit integers as text, and JSON parsed. */
export function rowOf(row: Row): LedgerRow {
  const byStream = row['by_stream'];
  return {
    scope: String(row['scope']) as Scope,
    fence: fenceOf(row),
    edition: Number(row['edition']),
    epoch: {
      syncNo: Number(row['checkpoint_sync_no']),
      at: Number(row['checkpoint_attempt_at']),
    },
    seq: Number(row['seq']),
    state: String(row['state']),
    records: Number(row['records']),
    bytes: Number(row['bytes']),
    complete: row['complete'] === true,
    byStream:
      byStream === null || typeof byStream === 'string' ? byStream : JSON.stringify(byStream),
    committedAt: row['committed_at'] as string | null,
  };
}
