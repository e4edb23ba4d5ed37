import type { Context } from '@temporalio/activity';
import { SyncError } from '../protocol/index.ts';

/** How long a drain may take; then what is not committed is given up. Milliseconds. */
export interface DrainBounds {
  /** After a cancel, pause or shutdown, and when we end the attempt ourselves. */
  readonly soonMsMax: number;
  /** At the end of a segment: nobody waits for it, and a destination that needs longer would never get through one. */
  readonly segmentMsMax: number;
}
const drainBounds: DrainBounds = { soonMsMax: 20_000, segmentMsMax: 15 * 60_000 };
/** How long an end that was aborted may take to let go. */
const letGoMs = 3_000;

/**
 * Why an attempt ends before its source does. `gone`: the server has given this attempt up. `failed`: we end it ourselves; `segment`: it
 * has lasted long enough.
 */
export type StopReason =
  | { readonly type: 'gone' | 'cancelled' | 'shutdown' | 'paused' | 'segment' }
  | { readonly type: 'failed'; readonly error: SyncError };

/** The first wins over those after it: a failure after a cancel must not hide the cancel. */
const order = ['gone', 'cancelled', 'shutdown', 'paused', 'failed', 'segment'] as const;

export interface Stop {
  /** Aborted: commit what states cover and end. */
  readonly drain: AbortSignal;
  /** Aborted: end at once. */
  readonly abort: AbortSignal;
  readonly reason: StopReason | null;
  /** Rejects some seconds after an abort that was not obeyed. */
  readonly abandoned: Promise<never>;
  /** There is something to drain from now on; a stop before that aborts. */
  drains(): void;
  ask(reason: StopReason): void;
  dispose(): void;
}

function aborted(): SyncError {
  return new SyncError('transient_error', 'The work was stopped.', {
    origin: 'tidemark',
    code: 'aborted',
  });
}

export function createStop(
  context: Pick<Context, 'cancellationSignal' | 'cancellationDetails'>,
  bounds: DrainBounds = drainBounds,
): Stop {
  const drain = new AbortController();
  const abort = new AbortController();
  const timers: NodeJS.Timeout[] = [];
  let reason: StopReason | null = null;
  let canDrain = false;
  const abandoned = new Promise<never>((_, reject) => {
    abort.signal.addEventListener('abort', () => {
      timers.push(setTimeout(() => reject(aborted()), letGoMs));
    });
  });
  // Nobody may be waiting for it when it rejects.
  abandoned.catch(() => undefined);

  function ask(asked: StopReason): void {
    if (reason !== null && order.indexOf(reason.type) <= order.indexOf(asked.type)) return;
    reason = asked;
    const fenced = asked.type === 'failed' && asked.error.code === 'fenced';
    drain.abort(aborted());
    if (!canDrain || fenced || asked.type === 'gone') abort.abort(aborted());
    // Invariant 7: a drain is bounded.
    else {
      const msMax = asked.type === 'segment' ? bounds.segmentMsMax : bounds.soonMsMax;
      timers.push(setTimeout(() => abort.abort(aborted()), msMax));
    }
  }

  const onCancel = (): void => ask({ type: typeOf(context) });
  context.cancellationSignal.addEventListener('abort', onCancel, { once: true });
  if (context.cancellationSignal.aborted) onCancel();

  return {
    drain: drain.signal,
    abort: abort.signal,
    get reason() {
      return reason;
    },
    abandoned,
    drains() {
      canDrain = true;
    },
    ask,
    dispose() {
      context.cancellationSignal.removeEventListener('abort', onCancel);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

function typeOf({
  cancellationDetails,
}: Pick<Context, 'cancellationDetails'>): 'gone' | 'cancelled' | 'shutdown' | 'paused' {
  if (cancellationDetails?.notFound === true || cancellationDetails?.timedOut === true)
    return 'gone';
  if (cancellationDetails?.cancelRequested === true) return 'cancelled';
  if (cancellationDetails?.workerShutdown === true) return 'shutdown';
  return cancellationDetails?.paused === true || cancellationDetails?.reset === true
    ? 'paused'
    : 'cancelled';
}
