import { randomBytes, randomUUID } from 'node:crypto';
import {
  Client,
  Connection,
  type WorkflowHandle,
  type WorkflowHandleWithFirstExecutionRunId,
} from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import {
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import {
  defaultPolicy,
  newConnection,
  type ConnectionSpec,
  type ConnectionState,
  type Policy,
  type SyncFailure,
  type SyncSummary,
} from '../../protocol/index.ts';
import { createMetrics, type Metrics } from '../../worker/metrics.ts';
import { dataConverter } from '../../workflows/data-converter.ts';
import type { connectionWorkflow, probeWorkflow, syncWorkflow } from '../../workflows/index.ts';
import {
  connectionWorkflowId,
  dataQueue,
  hostQueue,
  labelQueue,
  searchAttributes,
  statusQuery,
  syncWorkflowId,
  type ProbeInput,
  type ProbeResult,
} from '../../workflows/messages.ts';
import { id, numbers } from '../support/items.ts';
import { createWorld, memoryConnectors, type World } from '../support/memory-connectors.ts';
import { workflowBundle } from '../support/workflow-bundle.ts';

/** A place of our own on the test server: queues, connections and workers of one test file. */
export interface House {
  readonly client: Client;
  readonly queue: string;
  /** Starts all workers of one process, or only those for workflows and small activities. */
  worker(options?: { label?: string; onlyControl?: boolean }): Promise<TestWorker>;
  /** A connection between the two ends of a new world. */
  connect(options?: ConnectOptions): Promise<Connected>;
  probe(input: ProbeInput, workflowId?: string): Promise<ProbeResult>;
  /** Of all workers of the house. */
  readonly metrics: Metrics;
  close(): Promise<void>;
}

export interface TestWorker {
  readonly label: string;
  readonly hostQueue: string;
  /** As on SIGTERM: the data workers drain, then the one for workflows stops. */
  shutdown(): Promise<void>;
}

export interface ConnectOptions {
  readonly world?: Partial<World>;
  readonly policy?: Partial<Policy>;
  readonly destination?: string;
  readonly spec?: Partial<ConnectionSpec>;
}

export type SyncRun = WorkflowHandleWithFirstExecutionRunId<typeof syncWorkflow>;

export interface Connected {
  readonly name: string;
  readonly world: World;
  readonly spec: ConnectionSpec;
  readonly workflow: WorkflowHandle<typeof connectionWorkflow>;
  readonly state: () => Promise<ConnectionState>;
  readonly sync: (workflowId?: string) => Promise<SyncRun>;
  /** Starts a sync and waits for its end. */
  readonly syncNow: () => Promise<SyncSummary>;
}

/** Short enough that a test sees them happen. */
export const testPolicy: Policy = {
  ...defaultPolicy,
  heartbeatTimeoutMs: 5_000,
  attemptsWithoutProgressMax: 3,
  commitIntervalMsMin: 0,
};

const writeSlots = 100;
let installed = false;

export async function openHouse(): Promise<House> {
  if (!installed) Runtime.install({ logger: new DefaultLogger('ERROR') });
  installed = true;
  const address = process.env['TEST_TEMPORAL_ADDRESS'];
  if (!address) throw new Error('TEST_TEMPORAL_ADDRESS is not set. Run the tests with `npm test`.');
  const native = await NativeConnection.connect({ address });
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, dataConverter, identity: 'test' });
  const queue = `test-${randomBytes(6).toString('hex')}`;
  const worlds = new Map<string, World>();
  const workers: TestWorker[] = [];
  const metrics = createMetrics({ writeSlots });
  const bundle = await workflowBundle();

  async function worker({
    label = `host-${randomBytes(3).toString('hex')}`,
    onlyControl = false,
  } = {}) {
    const own = hostQueue(queue, `${label}-${workers.length}`);
    const activities = createActivities({
      connectors: memoryConnectors(worlds),
      client,
      controlQueue: queue,
      hostQueue: own,
      label,
      worker: `${label}/${process.pid}`,
      writersMax: writeSlots,
      meters: metrics.meters,
    });
    const options = {
      connection: native,
      identity: 'test',
      dataConverter,
      activities,
      shutdownGraceTime: 0,
      shutdownForceTime: '30s',
      maxHeartbeatThrottleInterval: '200ms',
      defaultHeartbeatThrottleInterval: '200ms',
    } satisfies Partial<WorkerOptions>;
    const control = await Worker.create({
      ...options,
      taskQueue: queue,
      workflowBundle: bundle,
      stickyQueueScheduleToStartTimeout: '1s',
    });
    const queues = onlyControl ? [] : [dataQueue(queue), labelQueue(queue, label), own];
    const data = await Promise.all(
      queues.map((taskQueue) => Worker.create({ ...options, taskQueue })),
    );
    const controlRun = control.run();
    const dataRuns = data.map((one) => one.run());
    let ending: Promise<void> | null = null;
    const end = async (): Promise<void> => {
      for (const one of data) one.shutdown();
      await Promise.all(dataRuns);
      control.shutdown();
      await controlRun;
    };
    const made: TestWorker = { label, hostQueue: own, shutdown: () => (ending ??= end()) };
    workers.push(made);
    return made;
  }

  async function connect({
    world: parts = {},
    policy = {},
    destination = 'memory-destination',
    spec: more = {},
  }: ConnectOptions = {}): Promise<Connected> {
    const name = `c-${randomBytes(5).toString('hex')}`;
    const world = createWorld(name, parts);
    worlds.set(name, world);
    const config = { world: name, password: '${env:PASSWORD}' };
    const spec: ConnectionSpec = {
      name,
      source: { connector: 'memory-source', config },
      destination: { connector: destination, config },
      policy: { ...testPolicy, ...policy },
      ...more,
    };
    const workflow = await client.workflow.start<typeof connectionWorkflow>('connectionWorkflow', {
      workflowId: connectionWorkflowId(name),
      taskQueue: queue,
      args: [{ state: newConnection(randomUUID(), spec) }],
      typedSearchAttributes: attributesOf(name),
    });
    const sync = (workflowId = syncWorkflowId(name)) =>
      client.workflow.start<typeof syncWorkflow>('syncWorkflow', {
        workflowId,
        taskQueue: queue,
        args: [{ connection: name }],
        typedSearchAttributes: attributesOf(name),
        staticSummary: `Sync of ${name}`,
      });
    return {
      name,
      world,
      spec,
      workflow,
      state: () => workflow.query(statusQuery),
      sync,
      syncNow: async () => (await sync()).result(),
    };
  }

  return {
    client,
    queue,
    worker,
    connect,
    metrics,
    probe: (input, workflowId = `probe/${randomUUID()}`) =>
      client.workflow.execute<typeof probeWorkflow>('probeWorkflow', {
        workflowId,
        taskQueue: queue,
        args: [input],
      }),
    async close() {
      await Promise.all(workers.map((one) => one.shutdown()));
      await connection.close();
      await native.close();
    },
  };
}

const connectionKey = defineSearchAttributeKey(
  searchAttributes.connection.name,
  searchAttributes.connection.type,
);

const attributesOf = (name: string) => [{ key: connectionKey, value: name }];

/** The SyncFailure that a rejection carries, and the type of the failure around it. */
export async function failureOf(work: Promise<unknown>): Promise<{
  readonly failure: SyncFailure;
  readonly type: string | undefined;
  readonly message: string;
}> {
  const error = await work.then(
    () => {
      throw new Error('It should have failed.');
    },
    (thrown: unknown) => thrown as Error,
  );
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { details, type, message } = at as Error & { details?: unknown[]; type?: string };
    if (details?.[0] !== undefined) return { failure: details[0] as SyncFailure, type, message };
  }
  throw error;
}

const untilMsMax = 40_000;

/** Numbers of the records that the destination holds. */
export const rowsOf = ({ store }: World, stream = 'orders'): number[] =>
  numbers(store.rows.get(id(stream)));

/** Polls until the condition holds. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + untilMsMax;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`It did not come to pass: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export async function historyOf(
  client: Client,
  workflowId: string,
  runId?: string,
): Promise<Awaited<ReturnType<WorkflowHandle['fetchHistory']>>> {
  return client.workflow.getHandle(workflowId, runId).fetchHistory();
}
