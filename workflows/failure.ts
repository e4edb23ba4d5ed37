import {
  ActivityFailure,
  ApplicationFailure,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import {
  describeFailure,
  isObject,
  isSyncFailure,
  type Holder,
  type SyncFailure,
} from '../protocol/index.ts';
import type { AttemptCount } from './messages.ts';

/** What an activity failed with. Ours travel as the first detail. */
export function failureOf(error: unknown): SyncFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const [detail] = cause.details ?? [];
    if (isSyncFailure(detail)) return detail;
  }
  if (cause instanceof TimeoutFailure)
    return {
      kind: 'transient_error',
      origin: 'tidemark',
      message: 'The worker went silent: it died, froze or lost its network.',
      remedy: 'Nothing is lost: sync again, it resumes at its last checkpoint.',
      facts: { timeout: cause.timeoutType ?? 'unknown' },
    };
  if (cause instanceof TerminatedFailure)
    return { kind: 'system_error', origin: 'tidemark', message: 'The activity was terminated.' };
  const message = cause instanceof Error ? cause.message : String(cause);
  return { kind: 'system_error', origin: 'tidemark', message };
}

/** The attempt that a write activity failed in for good; 0: unknown. */
export function attemptOf(error: unknown): number {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const detail = cause instanceof ApplicationFailure ? cause.details?.[1] : undefined;
  return isObject(detail) && typeof detail['attempt'] === 'number'
    ? (detail as unknown as AttemptCount).attempt
    : 0;
}

/** How a sync's workflow fails: type and first detail are for machines, the message for people. */
export function workflowFailure(failure: SyncFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: describeFailure(failure),
    type: failure.kind,
    nonRetryable: true,
    details: [failure],
  });
}

/** `msMax`: how long it may take. */
export function tookTooLong(msMax: number): SyncFailure {
  return {
    kind: 'transient_error',
    origin: 'tidemark',
    message: 'The sync took longer than it may.',
    place: `policy.sync_max: ${Math.round(msMax / 60_000)} min`,
    remedy:
      'Nothing is lost: the next sync goes on from the last checkpoint. If it may take longer, raise policy.sync_max.',
    facts: { syncMsMax: msMax },
  };
}

export function heldBy(by: Holder, connection: string): SyncFailure {
  return {
    kind: 'transient_error',
    origin: 'tidemark',
    code: 'busy',
    message: 'Another sync of this connection is running.',
    place: by.workflowId,
    remedy: `Wait for it, or cancel it: tidemark cancel ${connection}.`,
    facts: { workflowId: by.workflowId, firstRunId: by.firstRunId },
  };
}
