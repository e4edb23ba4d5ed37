import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, type Client } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { describeFailure, type SyncFailure, type WriteOutcome } from '../../protocol/index.ts';
import { dataConverter } from '../../workflows/data-converter.ts';
import {
  attachUpdate,
  beginUpdate,
  connectionWorkflowId,
  dataQueue,
  endUpdate,
  hostQueue,
  labelQueue,
  type BeginActivityInput,
  type BeginActivityResult,
  type EndActivityInput,
  type ProbeActivityInput,
  type ProbeActivityResult,
  type WriteActivityInput,
} from '../../workflows/messages.ts';
import { workflowBundle } from '../support/workflow-bundle.ts';
import { ordersId, progress } from './samples.ts';

/** What a connection's write activity does in a test. */
export type Script = (attempt: number) => Promise<WriteOutcome>;

export interface FakeWorkers {
  readonly queue: string;
  readonly hostQueue: string;
  /** By connection name. */
  readonly scripts: Map<string, Script>;
  stop(): Promise<void>;
}

export const done: WriteOutcome = {
  type: 'done',
  summary: {
    records: 10,
    bytes: 1_000,
    streams: [{ stream: ordersId, records: 10, bytes: 1_000, status: 'COMPLETE', nulled: 0 }],
    streamCount: 1,
  },
  schemaHash: 'hash',
};

export function heartbeat(attempt: number): void {
  Context.current().heartbeat({ progress: progress({ attempt }), checkpoints: [] });
}

/** Waits until the sync is cancelled, as a writer does that has drained. */
export async function untilCancelled(): Promise<never> {
  const { cancelled, heartbeat: beat } = Context.current();
  const timer = setInterval(() => beat({ progress: progress(), checkpoints: [] }), 200);
  try {
    return await cancelled;
  } catch (error) {
    if (error instanceof CancelledFailure) throw new CancelledFailure('Drained.');
    throw error;
  } finally {
    clearInterval(timer);
  }
}

export function thrown(failure: SyncFailure, nonRetryable: boolean): ApplicationFailure {
  return ApplicationFailure.create({
    message: describeFailure(failure),
    type: failure.kind,
    details: [failure],
    nonRetryable,
  });
}

/** The real workflows over activities that only play a writer: no pipe, no connector. */
export async function startWorkers(client: Client, queue: string): Promise<FakeWorkers> {
  const connection = await NativeConnection.connect({
    address: process.env['TEST_TEMPORAL_ADDRESS']!,
  });
  const scripts = new Map<string, Script>();
  const host = hostQueue(queue, 'fake');
  const activities = fakeActivities(client, scripts, host);
  const common = {
    connection,
    activities,
    dataConverter,
    maxHeartbeatThrottleInterval: 100,
    defaultHeartbeatThrottleInterval: 100,
  };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: queue, workflowBundle: await workflowBundle() }),
    Worker.create({ ...common, taskQueue: dataQueue(queue) }),
    Worker.create({ ...common, taskQueue: host }),
    Worker.create({ ...common, taskQueue: labelQueue(queue, 'fake') }),
  ]);
  const running = workers.map((worker) => worker.run());
  return {
    queue,
    hostQueue: host,
    scripts,
    async stop() {
      for (const worker of workers) worker.shutdown();
      await Promise.all(running);
      await connection.close();
    },
  };
}

function fakeActivities(client: Client, scripts: ReadonlyMap<string, Script>, host: string) {
  const connectionOf = (name: string) => client.workflow.getHandle(connectionWorkflowId(name));
  return {
    async begin({ connection, holder, raise }: BeginActivityInput): Promise<BeginActivityResult> {
      const request = { holder, raise, takeOver: null, label: null };
      const answer = await connectionOf(connection).executeUpdate(beginUpdate, { args: [request] });
      return answer.type === 'held' ? { type: 'skipped', by: answer.by } : answer;
    },
    async end({ connection, holder, summary }: EndActivityInput): Promise<void> {
      await connectionOf(connection).executeUpdate(endUpdate, { args: [{ holder, summary }] });
    },
    async write({ begun, lane }: WriteActivityInput): Promise<WriteOutcome> {
      const { attempt, currentAttemptScheduledTimestampMs: at } = Context.current().info;
      const epoch = { syncNo: begun.syncNo, at };
      const request = { lane, epoch, hostQueue: host, label: 'fake', hint: null };
      await connectionOf(begun.spec.name).executeUpdate(attachUpdate, { args: [request] });
      return scripts.get(begun.spec.name)?.(attempt) ?? done;
    },
    probe: async ({ probe }: ProbeActivityInput): Promise<ProbeActivityResult> => {
      const found = (value: unknown): ProbeActivityResult => ({
        type: 'found',
        result: { value, truncated: false },
      });
      switch (probe.kind) {
        case 'check':
          return found([{ end: 'source', connector: probe.connection, ok: true }]);
        case 'check-spec':
          return found([{ end: 'source', connector: probe.spec.source.connector, ok: true }]);
        case 'discover':
          return found({ streams: [{ name: 'orders', json_schema: {} }] });
        case 'plan':
          return found({ connection: probe.connection });
        case 'plan-spec':
          return found({ connection: probe.spec.name, applied: probe.applied });
        case 'logs':
          return found(`${Context.current().info.taskQueue}\nlines: ${probe.lines}\n`);
        case 'connectors':
          return found([{ name: 'mine', kind: 'source', runner: 'exec', detail: 'node' }]);
        case 'connector-spec':
          throw thrown(
            {
              kind: 'config_error',
              origin: 'tidemark',
              message: 'There is no such connector.',
              place: probe.connector,
              remedy: 'See tidemark connectors list.',
            },
            true,
          );
      }
    },
  };
}
