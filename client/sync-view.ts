import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import {
  isObject,
  type HeartbeatDetails,
  type Progress,
  type SyncFailure,
  type SyncSummary,
} from '../protocol/index.ts';
import { failureOf } from './failure.ts';
import type { QueueKind } from './queues.ts';
import { searchAttributes } from '../workflows/messages.ts';

/** One `write` activity: its current attempt and how the one before it ended. */
export interface AttemptView {
  readonly activityId: string;
  readonly attempt: number;
  readonly state: 'scheduled' | 'running' | 'waiting to retry' | 'cancelling' | 'paused';
  /** Of the current attempt, or of the one before it until the current one reports. */
  readonly progress: Progress | null;
  readonly lastFailure: SyncFailure | null;
  /** ISO 8601, while it waits to retry. */
  readonly nextAttemptAt: string | null;
}

/** A sync at one moment. `summary` is set on the last view only. */
export interface SyncView {
  readonly connection: string;
  readonly workflowId: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly attempts: readonly AttemptView[];
  /** What the sync workflow was told last; asked for only while no attempt shows progress of its own. */
  readonly forwarded: Progress | null;
  /** A task queue that the sync waits for and no worker polls, or null. */
  readonly unpolled: string | null;
  /** `pausing`: a person paused its connection, and it drains to a checkpoint. `paused`: it waits there. */
  readonly pause: 'pausing' | 'paused' | null;
  readonly summary: SyncSummary | null;
}

type Pending = NonNullable<
  NonNullable<WorkflowExecutionDescription['raw']['pendingActivities']>[number]
>;

const writeActivity = 'write';
/** By PendingActivityState of Temporal's API; scheduled (1) is either of two. */
const stateNames: ReadonlyMap<number, AttemptView['state']> = new Map([
  [2, 'running'],
  [3, 'cancelling'],
  [4, 'paused'],
  [5, 'paused'],
]);
/** PendingWorkflowTaskState. */
const workflowTaskScheduled = 1;

/** Reads a running sync from its description: no worker is needed to see where it is. */
export async function attemptsOf(
  client: Client,
  description: WorkflowExecutionDescription,
): Promise<readonly AttemptView[]> {
  const writes = (description.raw.pendingActivities ?? []).filter(
    ({ activityType }) => activityType?.name === writeActivity,
  );
  return Promise.all(writes.map((pending) => attemptOf(client, pending)));
}

async function attemptOf(client: Client, pending: Pending): Promise<AttemptView> {
  const converter = client.options.loadedDataConverter;
  const [details] = await decodeArrayFromPayloads(converter, pending.heartbeatDetails?.payloads);
  const error = await decodeOptionalFailureToOptionalError(converter, pending.lastFailure);
  const nextAttemptAt = timeOf(pending.nextAttemptScheduleTime ?? pending.scheduledTime);
  const state = stateOf(pending, nextAttemptAt);
  return {
    activityId: pending.activityId ?? '',
    attempt: pending.attempt ?? 1,
    state,
    progress: isHeartbeat(details) ? details.progress : null,
    lastFailure: error === undefined ? null : failureOf(error),
    nextAttemptAt: state === 'waiting to retry' ? nextAttemptAt : null,
  };
}

function stateOf(pending: Pending, nextAttemptAt: string | null): AttemptView['state'] {
  const known = stateNames.get(pending.state ?? 0);
  if (known !== undefined) return known;
  const isLater = nextAttemptAt !== null && Date.parse(nextAttemptAt) > Date.now();
  return isLater ? 'waiting to retry' : 'scheduled';
}

/** The queue whose workers the workflow waits for, or null. */
export function waitsForOf({
  raw,
  taskQueue,
}: WorkflowExecutionDescription): { readonly queue: string; readonly kind: QueueKind } | null {
  if (raw.pendingWorkflowTask?.state === workflowTaskScheduled)
    return { queue: taskQueue, kind: 'workflow' };
  const waiting = (raw.pendingActivities ?? []).find(
    (pending) =>
      stateOf(pending, timeOf(pending.nextAttemptScheduleTime ?? pending.scheduledTime)) ===
      'scheduled',
  );
  const queue = waiting?.activityOptions?.taskQueue?.name;
  return queue ? { queue, kind: 'activity' } : null;
}

/** Told by the workflow itself, so that it shows without a worker too. */
export function pauseOf({
  searchAttributes: found,
}: WorkflowExecutionDescription): SyncView['pause'] {
  const [status] = found[searchAttributes.status.name] ?? [];
  return status === 'pausing' || status === 'paused' ? status : null;
}

function isHeartbeat(details: unknown): details is HeartbeatDetails {
  return isObject(details) && isObject(details['progress']);
}

function timeOf(
  time: { readonly seconds?: unknown; readonly nanos?: number | null } | null | undefined,
): string | null {
  if (time === null || time === undefined) return null;
  return new Date(Number(time.seconds ?? 0) * 1_000 + (time.nanos ?? 0) / 1e6).toISOString();
}
