import { SyncError, type Policy } from '../protocol/index.ts';

export interface Watched {
  /** ms since the last checkpoint, or since reading began. */
  readonly ageMs: number;
  readonly waiting: { readonly states: number; readonly bytes: number };
  /** ms for which the writer has waited for an item; 0: it does not wait. */
  readonly silentMs: number;
  /** A stream is being loaded that is a checkpoint only as a whole: reported, never failed. */
  readonly isLoadingWhole: boolean;
}

export interface Finding {
  /** Who is late, for people; null: nobody. */
  readonly late: string | null;
  readonly isOverdue: boolean;
  /** The attempt is to fail with this. */
  readonly failure: SyncError | null;
}

const minutes = (ms: number): string =>
  ms >= 120_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 1_000)} s`;
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

/** Judges the age of the last checkpoint: at half the limit it says who is late, at the limit it follows the policy. Pure. */
export function judge(policy: Policy, watched: Watched): Finding {
  const { ageMs, silentMs } = watched;
  const silent = silentMs > policy.sourceSilenceMsMax ? silence(silentMs) : null;
  const limit = policy.checkpointAgeMsMax;
  if (ageMs < limit / 2) return { late: null, isOverdue: false, failure: silent };
  const late = whoIsLate(watched);
  const isOverdue = ageMs >= limit;
  const fails = isOverdue && policy.onOverdue === 'fail' && !watched.isLoadingWhole;
  return { late, isOverdue, failure: silent ?? (fails ? overdue(late) : null) };
}

function whoIsLate({ ageMs, waiting, isLoadingWhole }: Watched): string {
  const age = minutes(ageMs);
  if (isLoadingWhole)
    return `no checkpoint for ${age}: a stream is read that is a checkpoint only as a whole`;
  if (waiting.states === 0) return `the source has sent no state for ${age}`;
  return `the destination holds ${waiting.states} states and ${mebibytes(waiting.bytes)}, without a commit for ${age}`;
}

function silence(ms: number): SyncError {
  return new SyncError('transient_error', 'The source went silent.', {
    origin: 'source',
    place: `nothing for ${minutes(ms)}`,
    remedy: 'See the connector log (tidemark logs <connection>). The sync resumes.',
  });
}

function overdue(late: string): SyncError {
  return new SyncError('transient_error', 'No checkpoint came within its time.', {
    origin: 'tidemark',
    place: late,
    remedy:
      'Make the source send states more often, look at the destination, or raise policy.checkpoint_age_max.',
    facts: { overdue: true },
  });
}
