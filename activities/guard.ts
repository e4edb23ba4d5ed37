import type { Attempt } from './attempt.ts';
import { unlessAborted } from './connection-client.ts';
import { createPermit, type Permit } from './permit.ts';
import type { Flow, Gate } from './flow.ts';
import { forwardsMax } from './forwarder.ts';
import { judge } from './watchdog.ts';

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
  return (
    elapsedMs >= begun.spec.policy.segmentMsMax ||
    attempt > attemptsMax ||
    forwarder!.count >= forwardsMax
  );
}

/** Once a second: forwards what is due, and looks for who is late. */
export function watch(attempt: Attempt, flow: Flow): void {
  const { meter, stop, begun, forwarder, heart } = attempt;
  forwarder!.tick();
  if (stop.reason !== null) {
    if (attempt.phase === 'syncing') attempt.enter('draining');
    return;
  }
  const now = performance.now();
  const { late, isOverdue, failure } = judge(begun.spec.policy, {
    ageMs: attempt.ageMs(),
    waiting: meter!.waiting,
    silentMs: flow.waitingSince === null ? 0 : now - flow.waitingSince,
    isLoadingWhole: flow.isLoadingWhole,
  });
  attempt.late = late;
  if (isOverdue) attempt.markOverdue();
  if (attempt.hasNews()) {
    heart.beat();
    forwarder!.touch();
  }
  if (failure !== null) stop.ask({ type: 'failed', error: failure });
}
