import {
  Worker,
  type NativeConnection,
  type State,
  type WorkerDeploymentOptions,
  type WorkerOptions,
  type WorkflowBundleOption,
} from '@temporalio/worker';
import type { DataConverter, WorkerDeploymentVersion } from '@temporalio/common';
import { dataQueue, labelQueue } from '../workflows/messages.ts';
import { nameSyncs } from './activity-log.ts';
import { createWriteSlots } from './write-slots.ts';

export interface WorkersDeps {
  /** Every activity of the project; its queue decides which of them a worker is given. */
  readonly activities: object;
  readonly workflowBundle: WorkflowBundleOption;
  readonly native: NativeConnection;
  readonly dataConverter: DataConverter;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly label: string;
  /** Syncs that write at the same time, in the whole process. The activity `write` must count as well: see `createWriteSlots`. */
  readonly writeSlots: number;
  readonly shutdownForceMs: number;
  /** null: Temporal's worker versioning is not used. */
  readonly version: WorkerDeploymentVersion | null;
  /** This process's own queue. */
  readonly hostQueue: string;
  /** Host name and pid, for people. */
  readonly name: string;
}

export interface WorkerState {
  readonly queue: string;
  readonly state: State;
}

export interface Workers {
  readonly queues: readonly string[];
  /** In the order of `queues`; each is RUNNING while it polls. */
  states(): readonly WorkerState[];
  /** Resolves when every worker has drained after `shutdown`; rejects when one fails, after the others were asked to stop. */
  run(): Promise<void>;
  /** Starts the drain; idempotent. */
  shutdown(): void;
}

/** Begin, end and probes are short. */
const controlSlots = 32;
const controlForceMs = 5_000;
/** `logs` probes must pass while every reader is busy. */
const logSlots = 2;

/** The workers of one process: control, data, its label's queue and its own. */
export async function createWorkers(deps: WorkersDeps): Promise<Workers> {
  const { taskQueue, writeSlots } = deps;
  const options = {
    connection: deps.native,
    namespace: deps.namespace,
    dataConverter: deps.dataConverter,
    identity: deps.name,
    activities: deps.activities,
    interceptors: { activity: [nameSyncs()] },
    shutdownGraceTime: 0,
    shutdownForceTime: deps.shutdownForceMs,
    maxHeartbeatThrottleInterval: '1s',
    defaultHeartbeatThrottleInterval: '1s',
  } satisfies Partial<WorkerOptions>;
  const slots = createWriteSlots(writeSlots);
  const forWrites = (queue: string): Promise<Worker> =>
    Worker.create({
      ...options,
      taskQueue: queue,
      tuner: slots.tuner(),
      // So at most one task too many is taken.
      maxConcurrentActivityTaskPolls: 1,
    });
  const control = await Worker.create({
    ...options,
    taskQueue,
    workflowBundle: deps.workflowBundle,
    maxConcurrentActivityTaskExecutions: controlSlots,
    ...(deps.version !== null && { workerDeploymentOptions: versioned(deps.version) }),
    // Else a killed worker's workflows wait 8 to 9 seconds longer.
    stickyQueueScheduleToStartTimeout: '1s',
    shutdownForceTime: controlForceMs,
  });
  const data = [
    await forWrites(dataQueue(taskQueue)),
    await forWrites(labelQueue(taskQueue, deps.label)),
    await Worker.create({
      ...options,
      taskQueue: deps.hostQueue,
      // A fenced-off write may still hold its reader when the next one needs another.
      maxConcurrentActivityTaskExecutions: 2 * writeSlots + logSlots,
    }),
  ];
  return inOrder(control, data);
}

/**
 * Only of the worker that runs workflows: the queue of a host or a process is polled by one build at a time, and Temporal would send its tasks
 * to the current one. Workflows move to the current version at once: a connection never ends, and a paused sync may wait for days, while
 * their old workers drain and go.
 */
function versioned(version: WorkerDeploymentVersion): WorkerDeploymentOptions {
  return { version, useWorkerVersioning: true, defaultVersioningBehavior: 'AUTO_UPGRADE' };
}

/**
 * Invariant 8: the writers drain first, while this process still answers for the connection workflow: with one worker nobody else could
 * acknowledge their last commits. Then the control worker stops.
 */
function inOrder(control: Worker, data: readonly Worker[]): Workers {
  const stop = (worker: Worker): void => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  const stopData = (): void => data.forEach(stop);
  let asked = false;
  return {
    queues: [control, ...data].map((worker) => worker.options.taskQueue),
    states: () =>
      [control, ...data].map((worker) => ({
        queue: worker.options.taskQueue,
        state: worker.getState(),
      })),
    async run() {
      // Whichever ends first, asked or not, takes the others along.
      const controlEnd = settled(control.run().finally(stopData));
      const ends = await Promise.all(data.map((worker) => settled(worker.run().finally(stopData))));
      stop(control);
      for (const end of [...ends, await controlEnd])
        if (end.status === 'rejected') throw end.reason;
      if (!asked) throw new Error('The workers stopped without being asked.');
    },
    shutdown() {
      asked = true;
      stopData();
    },
  };
}

async function settled(running: Promise<void>): Promise<PromiseSettledResult<void>> {
  const [end] = await Promise.allSettled([running]);
  return end;
}
