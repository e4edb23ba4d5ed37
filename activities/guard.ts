import type { WatchedLimit, Writer } from '../protocol/index.ts';
import type { Attempt } from './attempt.ts';
import { unlessAborted } from './connection-client.ts';
import { createPermit, type Permit } from './permit.ts';
import type { Flow, Gate } from './flow.ts';
import { judge, type Watched } from './watchdog.ts';

/** An activity with more attempts is ended at a checkpoint and begun anew: history and backoff start again. */
const attemptsMax = 100;
/** Where the activity has no heartbeat timeout. */
const heartbeatMsDefault = 30_000;

/** Between two items: whether the segment is over, and, where the destination has no fence of its own, whether we may go on at all. */
export function gateOf(attempt: Attempt, flow: Flow, needsPermit: boolean): Gate {
  const { stop } = attempt;
  const permit = permitOf(attempt);
  return {
    before() {
      if (flow.isAtBoundary && isSegmentOver(attempt)) stop.ask({ type: 'segment' });
    },
    allow() {
      if (!needsPermit || permit.isFresh) return;
      return unlessAborted(permit.renewed(), stop.drain);
    },
  };
}

/** An answer holds for half the time after which Temporal would have replaced the attempt. */
export function permitOf({ committer, context }: Attempt): Permit {
  return createPermit(committer!, (context.info.heartbeatTimeoutMs ?? heartbeatMsDefault) / 2);
}

function isSegmentOver({ begun, context, forwarder, ranMs }: Attempt): boolean {
  const { scheduledTimestampMs, currentAttemptScheduledTimestampMs, attempt } = context.info;
  // Differences of one clock each: the server's and ours need not agree.
  const elapsedMs = currentAttemptScheduledTimestampMs - scheduledTimestampMs + ranMs;
  return elapsedMs >= begun.spec.policy.segmentMsMax || attempt > attemptsMax || forwarder!.isSpent;
}

/** Once a second: forwards what is due, and looks for who is late. */
export function watch(attempt: Attempt, flow: Flow, writer: Writer): void {
  const { stop, begun, forwarder, heart } = attempt;
  forwarder!.tick();
  if (stop.reason !== null) {
    if (attempt.phase === 'syncing') attempt.enter('draining');
    return;
  }
  const found = judge(begun.spec.policy, watchedOf(attempt, flow, writer));
  attempt.late = found.late;
  attempt.limits = [...found.limits, ...syncLimit(attempt)];
  if (found.isOverdue) attempt.markOverdue();
  if (attempt.hasNews()) {
    heart.beat();
    forwarder!.touch();
  }
  if (found.failure !== null) stop.ask({ type: 'failed', error: found.failure });
}

/** The workflow ends the sync; here it is only shown how near that is. */
function syncLimit({ begun, endsAt }: Attempt): readonly WatchedLimit[] {
  const { syncMsMax: msMax } = begun.spec.policy;
  if (msMax === undefined || endsAt === null) return [];
  return [{ limit: 'sync', ms: msMax - (endsAt - Date.now()), msMax }];
}

function watchedOf(attempt: Attempt, flow: Flow, { blockedMs = 0 }: Writer): Watched {
  const meter = attempt.meter!;
  const { limitedUntil, lastRecordAt, waiting, limit } = meter;
  const ageMs = attempt.ageMs();
  // A source that waits for its rate limit is neither silent nor idle before it.
  const askedMs = limitedUntil === null ? Infinity : Math.max(0, Date.now() - limitedUntil);
  const recordMs = lastRecordAt === null ? Infinity : performance.now() - lastRecordAt;
  return {
    ...{ ageMs, waiting, blockedMs },
    silentMs: Math.min(flow.silentMs, askedMs),
    idleMs: Math.min(ageMs, recordMs, askedMs),
    isLoadingWhole: flow.isLoadingWhole,
    isLimited: limit !== null,
  };
}
