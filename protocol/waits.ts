import { describeFailure, type SyncFailure } from './errors.ts';
import type { TraceMessage } from './message.ts';
import type { StreamId } from './stream.ts';

/** A source that is told to wait, and waits by itself. */
export interface RateLimit {
  /** Of several streams that wait, the one that waits longest. */
  readonly stream: StreamId;
  /** ISO 8601; null: the source did not say. */
  readonly until: string | null;
}

/** An attempt that failed, and when it is tried again. */
export interface NextAttempt {
  /** ISO 8601. */
  readonly at: string;
  readonly failure: SyncFailure;
}

/** What a Date can hold, ms. */
const timeMsMax = 8.64e15;

type StatusTrace = NonNullable<TraceMessage['trace']['stream_status']>;

/**
 * The rate limit that a stream's status tells of; null: none. `resetMs`: when its quota is back, epoch ms, the last of several; null: it does
 * not say, or what it says is no time.
 */
export function rateLimitOf({ reasons }: StatusTrace): { readonly resetMs: number | null } | null {
  const limits = (reasons ?? []).filter(
    (reason) => reason.type === 'RATE_LIMITED' || reason.rate_limited !== undefined,
  );
  if (limits.length === 0) return null;
  const resets = limits.flatMap(({ rate_limited }) => {
    const reset: unknown = rate_limited?.quota_reset;
    return typeof reset === 'number' && reset > 0 && reset < timeMsMax ? [reset] : [];
  });
  return { resetMs: resets.length === 0 ? null : Math.max(...resets) };
}

/** `note`, for people, follows the time: how long that is. */
export function rateLimitText({ stream, until }: RateLimit, note = ''): string {
  const time = until === null ? '' : ` until ${until}${note}`;
  return `stream ${stream} waits for the source's rate limit${time}`;
}

export function nextAttemptText({ at, failure }: NextAttempt, note = ''): string {
  return failure.code === 'rate_limited'
    ? `waits for the source's rate limit until ${at}${note}`
    : `next attempt at ${at}${note}, because: ${describeFailure(failure)}`;
}
