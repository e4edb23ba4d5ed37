import type {
  Counts,
  Progress,
  RateLimit,
  SyncFailure,
  SyncSummary,
} from '../../protocol/index.ts';
import type { AttemptView, SyncView } from '../sync-view.ts';

/** What changed between two views of a sync; one JSON line each with --json. */
export type SyncEvent =
  | { readonly type: 'unpolled'; readonly queue: string }
  | { readonly type: 'phase'; readonly attempt: number; readonly progress: Progress }
  | {
      readonly type: 'attempt-failed';
      readonly attempt: number;
      readonly failure: SyncFailure;
      readonly nextAttemptAt: string | null;
    }
  /** Told again and again while the next attempt waits for its time. */
  | {
      readonly type: 'waiting';
      readonly attempt: number;
      readonly lastFailure: SyncFailure | null;
      readonly nextAttemptAt: string | null;
    }
  | { readonly type: 'rate-limited'; readonly attempt: number; readonly rateLimit: RateLimit }
  | { readonly type: 'checkpoint'; readonly at: string; readonly committed: Counts }
  /** A person paused its connection: it drains to a checkpoint, waits there, goes on. */
  | { readonly type: 'pausing' | 'paused' | 'resumed'; readonly connection: string }
  | { readonly type: 'late' | 'overdue'; readonly message: string }
  | { readonly type: 'notice'; readonly message: string }
  | { readonly type: 'progress'; readonly attempt: number; readonly progress: Progress }
  | { readonly type: 'ended'; readonly summary: SyncSummary };

/** Events in the order a reader expects: how the last attempt ended, then what the current one does. */
export function eventsBetween(previous: SyncView | null, next: SyncView): readonly SyncEvent[] {
  const events: SyncEvent[] = [];
  if (next.unpolled !== null && next.unpolled !== previous?.unpolled)
    events.push({ type: 'unpolled', queue: next.unpolled });
  const before = previous?.pause ?? null;
  if (next.summary === null && next.pause !== before)
    events.push({ type: next.pause ?? 'resumed', connection: next.connection });
  for (const attempt of next.attempts) {
    const known = previous?.attempts.find((a) => a.activityId === attempt.activityId);
    events.push(...attemptEvents(known, attempt));
  }
  if (next.summary !== null) events.push({ type: 'ended', summary: next.summary });
  return events;
}

function attemptEvents(before: AttemptView | undefined, now: AttemptView): readonly SyncEvent[] {
  return [...failureEvents(before, now), ...progressEvents(before?.progress ?? null, now)];
}

/** `lastFailure` stays while later attempts run: it is news once, told by the number of the attempt it ended. */
function failureEvents(before: AttemptView | undefined, now: AttemptView): readonly SyncEvent[] {
  if (now.lastFailure === null || failedAttempt(now) === failedAttempt(before)) return [];
  return [
    {
      type: 'attempt-failed',
      attempt: failedAttempt(now),
      failure: now.lastFailure,
      nextAttemptAt: now.nextAttemptAt,
    },
  ];
}

function failedAttempt(view: AttemptView | undefined): number {
  return view === undefined || view.lastFailure === null ? 0 : view.attempt - 1;
}

function progressEvents(before: Progress | null, now: AttemptView): readonly SyncEvent[] {
  const { progress, attempt } = now;
  if (progress === null) return [];
  const events: SyncEvent[] = [];
  if (progress.phase !== before?.phase || progress.attempt !== before.attempt)
    events.push({ type: 'phase', attempt, progress });
  const at = progress.lastCheckpointAt;
  if (at !== null && at !== before?.lastCheckpointAt)
    events.push({ type: 'checkpoint', at, committed: progress.committed });
  const { rateLimit, late, overdue } = progress;
  const isNewLimit =
    rateLimit?.stream !== before?.rateLimit?.stream ||
    rateLimit?.until !== before?.rateLimit?.until;
  if (rateLimit !== undefined && isNewLimit)
    events.push({ type: 'rate-limited', attempt, rateLimit });
  if (late !== undefined && before?.late === undefined)
    events.push({ type: 'late', message: late });
  if (late !== undefined && overdue === true && before?.overdue === undefined)
    events.push({ type: 'overdue', message: late });
  for (const message of progress.notices ?? [])
    if (!(before?.notices ?? []).includes(message)) events.push({ type: 'notice', message });
  return events;
}

/** Where each attempt is, for the lines in between. */
export function progressOf(view: SyncView): readonly SyncEvent[] {
  return view.attempts.flatMap(
    ({ attempt, progress, state, lastFailure, nextAttemptAt }): SyncEvent[] => {
      if (state === 'waiting to retry')
        return [{ type: 'waiting', attempt, lastFailure, nextAttemptAt }];
      return progress === null ? [] : [{ type: 'progress', attempt, progress }];
    },
  );
}
