import type { Counts, WriteOutcome } from '../protocol/index.ts';
import type { Stop } from './stop.ts';

/**
 * How an attempt ended. `continued`: well, and the sync goes on in another one (a segment's end, a raised number). `interrupted`: by a
 * shutdown, by a pause, or because Temporal had given it up. `cancelled`: by a person. `failed`: all else, also a writer that was fenced off.
 */
export const attemptOutcomes = ['done', 'continued', 'interrupted', 'failed', 'cancelled'] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

/** What an attempt answers when it is asked. */
export interface Observed {
  /** What it has read so far; only grows. */
  readonly read: Counts;
  /** ms since its last checkpoint, or since it began to read. */
  readonly ageMs: number;
  /** That is more than the policy allows. */
  readonly isOverdue: boolean;
}

/** Where the write attempts of a process are counted. The worker implements it; an attempt knows nothing of who looks. Must not throw. */
export interface Meters {
  /** An attempt starts. `look` is asked at any time until the attempt has ended. */
  attempt(connection: string, look: () => Observed): AttemptMeters;
}

export interface AttemptMeters {
  /** A checkpoint was made. `committed`: what the sync has gained by it; `commitMs`: its commit's duration, undefined for all but one checkpoint of a commit. */
  checkpoint(committed: Counts, commitMs: number | undefined): void;
  ended(outcome: AttemptOutcome): void;
}

/** `answer` null: the attempt threw. */
export function outcomeOf(
  { reason }: Pick<Stop, 'reason'>,
  answer: WriteOutcome | null,
): AttemptOutcome {
  if (answer !== null) return answer.type === 'done' ? 'done' : 'continued';
  switch (reason?.type) {
    case 'cancelled':
      return 'cancelled';
    case 'gone':
    case 'paused':
    case 'shutdown':
      return 'interrupted';
    case 'failed':
    case 'segment':
    case undefined:
      return 'failed';
  }
}
