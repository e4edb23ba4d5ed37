import { nextAttemptText, rateLimitText, type RateLimit } from '../../protocol/index.ts';
import type { AttemptView } from '../sync-view.ts';
import { duration } from './format.ts';

/** When the next attempt begins and why only then; null: it does not wait. */
export function retryText(
  { lastFailure, nextAttemptAt }: Pick<AttemptView, 'lastFailure' | 'nextAttemptAt'>,
  now: number,
): string | null {
  if (nextAttemptAt === null) return null;
  const note = inTime(nextAttemptAt, now);
  return lastFailure === null
    ? `next attempt at ${nextAttemptAt}${note}`
    : nextAttemptText({ at: nextAttemptAt, failure: lastFailure }, note);
}

/** What a source that runs waits for. */
export function limitText(limit: RateLimit, now: number): string {
  return rateLimitText(limit, limit.until === null ? '' : inTime(limit.until, now));
}

function inTime(time: string, now: number): string {
  return ` (in ${duration(Date.parse(time) - now)})`;
}
