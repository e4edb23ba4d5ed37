import { limitsOf, SyncError, type Policy, type WatchedLimit } from '../protocol/index.ts';

export interface Watched {
  /** ms since the last checkpoint, or since reading began. */
  readonly ageMs: number;
  readonly waiting: { readonly states: number; readonly bytes: number };
  /** ms for which the writer has waited for an item and the source has shown no other life; 0: it does not wait, or the source told it to. */
  readonly silentMs: number;
  /** ms for which the destination has worked on what it was given, finishing none of it; 0: it has nothing to do. */
  readonly blockedMs: number;
  /** ms since a record came or a checkpoint was made, or since reading began or a rate limit ended. */
  readonly idleMs: number;
  /** A stream is being loaded that is a checkpoint only as a whole: its age is reported, never failed. */
  readonly isLoadingWhole: boolean;
  /** The source waits for a rate limit, as it says. */
  readonly isLimited: boolean;
}

export interface Finding {
  /** Who is late, for people; null: nobody. */
  readonly late: string | null;
  readonly isOverdue: boolean;
  /** The attempt is to fail with this. */
  readonly failure: SyncError | null;
  /** How near each limit is. */
  readonly limits: readonly WatchedLimit[];
}

const minutes = (ms: number): string =>
  ms >= 120_000 ? `${Math.floor(ms / 60_000)} min` : `${Math.floor(ms / 1_000)} s`;
const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;

interface Judged extends WatchedLimit {
  /** Who is late. */
  readonly told: string;
  readonly failure: () => SyncError | null;
}

/**
 * Judges each limit: at half of it it says who is late, at the limit the attempt has failed; a checkpoint's age first follows the policy. Of
 * several limits that are passed the one with the guiltiest side counts. Pure.
 */
export function judge(policy: Policy, watched: Watched): Finding {
  const all = [
    silence(policy, watched),
    blockage(policy, watched),
    idleness(policy, watched),
    age(policy, watched),
  ];
  const late = all.filter(({ ms, msMax }) => ms >= msMax / 2);
  // The age is what all others lead to: it is told first.
  const told = late.toReversed().map((one) => one.told);
  const passed = all.filter(({ ms, msMax }) => ms >= msMax);
  const failures = passed.flatMap((one) => one.failure() ?? []);
  return {
    late: told.length === 0 ? null : told.join('; '),
    isOverdue: watched.ageMs >= policy.checkpointAgeMsMax,
    failure: failures[0] ?? null,
    limits: all.map(({ limit, ms, msMax }) => ({ limit, ms: Math.round(ms), msMax })),
  };
}

function silence(policy: Policy, { silentMs: ms }: Watched): Judged {
  const told = `the source has shown no life for ${minutes(ms)}`;
  const failure = (): SyncError =>
    new SyncError('transient_error', 'The source went silent.', {
      origin: 'source',
      place: `nothing for ${minutes(ms)}`,
      remedy:
        'See whether what it reads from answers, and its log (tidemark logs <connection>). If such silence is normal for it, raise policy.source_silence_max.',
    });
  return { limit: 'source_silence', ms, msMax: limitsOf(policy).sourceSilenceMsMax, told, failure };
}

function blockage(policy: Policy, { blockedMs: ms }: Watched): Judged {
  const told = `the destination has taken nothing for ${minutes(ms)}`;
  const msMax = limitsOf(policy).destinationBlockedMsMax;
  return { limit: 'destination_blocked', ms, msMax, told, failure: () => blocked(ms) };
}

/** `ms`: for how long. */
export function blocked(ms: number): SyncError {
  return new SyncError('transient_error', 'The destination takes nothing.', {
    origin: 'destination',
    place: `nothing for ${minutes(ms)}`,
    remedy:
      'See whether it answers, or waits for a lock. If one step of it takes that long, raise policy.destination_blocked_max.',
  });
}

function idleness(policy: Policy, { idleMs: ms }: Watched): Judged {
  const told = `no record has come and no checkpoint was made for ${minutes(ms)}`;
  const failure = (): SyncError =>
    new SyncError('transient_error', 'The sync makes no progress.', {
      // The source lives, and a destination that takes nothing is told from this.
      origin: 'source',
      place: told,
      remedy:
        'See what the source does (tidemark logs <connection>). If it may send nothing for that long, raise policy.no_progress_max.',
    });
  return { limit: 'no_progress', ms, msMax: limitsOf(policy).noProgressMsMax, told, failure };
}

function age(policy: Policy, watched: Watched): Judged {
  const { checkpointAgeMsMax: msMax, onOverdue } = policy;
  const told = whoIsLate(watched);
  const failure = (): SyncError | null =>
    onOverdue === 'fail' && !watched.isLoadingWhole ? overdue(told) : null;
  return { limit: 'checkpoint_age', ms: watched.ageMs, msMax, told, failure };
}

function whoIsLate({ ageMs, waiting, isLoadingWhole, isLimited }: Watched): string {
  const since = minutes(ageMs);
  if (isLoadingWhole)
    return `no checkpoint for ${since}: a stream is read that is a checkpoint only as a whole`;
  if (waiting.states > 0)
    return `the destination holds ${waiting.states} states and ${mebibytes(waiting.bytes)}, without a commit for ${since}`;
  const why = isLimited ? ': it waits for its rate limit' : '';
  return `the source has sent no state for ${since}${why}`;
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
