import {
  ActivityCancellationType,
  proxyActivities,
  type ActivityInterfaceFor,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../activities/index.ts';
import type { Begun, Policy } from '../protocol/index.ts';
import { dataQueue, labelQueue } from './messages.ts';

// Every timeout and retry policy of the workflows. The activities themselves say which failures are final and how long to wait (nextRetryDelay).

type Proxy = ActivityInterfaceFor<Activities>;

const everySecond = { initialInterval: '1s', backoffCoefficient: 1 } as const;

/** Begin and end ask the connection workflow; begin may also try both ends of a host-bound connection. */
const leaseOptions: ActivityOptions = {
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '30 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '1s', backoffCoefficient: 2, maximumInterval: '30s' },
};

/** A write activity lasts a segment; its heartbeats say that it lives. */
const writeDuration = '365 days';

/** The writer gives up after 40 s without a reader; a reader that comes later than this finds nobody. */
const readerScheduleToStart = '30 seconds';

const probeOptions: ActivityOptions = {
  startToCloseTimeout: '15 minutes',
  heartbeatTimeout: '30 seconds',
  retry: { initialInterval: '1s', maximumInterval: '10s', maximumAttempts: 3 },
};

/** After the writer's end, how long the workflow waits to see the reader's. */
export const readerLinger = '2 seconds';

export function leaseActivities(summary: string): Pick<Proxy, 'begin' | 'end'> {
  return proxyActivities<Activities>({ ...leaseOptions, summary });
}

export function writeActivity(begun: Begun, control: string, summary: string): Proxy['write'] {
  const { label, spec } = begun;
  return proxyActivities<Activities>({
    taskQueue: label === null ? dataQueue(control) : labelQueue(control, label),
    startToCloseTimeout: writeDuration,
    heartbeatTimeout: spec.policy.heartbeatTimeoutMs,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: everySecond,
    summary,
  }).write;
}

/** One attempt: a reader without its writer is of no use, and the writer asks for another itself. */
export function readActivity(hostQueue: string, policy: Policy, summary: string): Proxy['read'] {
  return proxyActivities<Activities>({
    taskQueue: hostQueue,
    scheduleToStartTimeout: readerScheduleToStart,
    startToCloseTimeout: writeDuration,
    heartbeatTimeout: policy.heartbeatTimeoutMs,
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: { maximumAttempts: 1 },
    summary,
  }).read;
}

export function probeActivity(taskQueue: string, summary: string): Proxy['probe'] {
  return proxyActivities<Activities>({
    ...probeOptions,
    taskQueue,
    scheduleToStartTimeout: '10 minutes',
    summary,
  }).probe;
}

/** A process that is gone takes nothing: its host's other workers are asked soon. */
const logsScheduleToStart = '5 seconds';

export function logsActivity(processQueue: string): Proxy['probe'] {
  return proxyActivities<Activities>({
    ...probeOptions,
    taskQueue: processQueue,
    scheduleToStartTimeout: logsScheduleToStart,
    summary: 'logs',
  }).probe;
}
