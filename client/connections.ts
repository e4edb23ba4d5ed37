import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  WorkflowExecutionAlreadyStartedError,
  type Client,
  type WorkflowHandle,
} from '@temporalio/client';
import {
  currentState,
  newConnection,
  schemaSince,
  SyncError,
  type ConnectionSpec,
  type ConnectionState,
  type EndName,
  type Holder,
  type Pause,
  type SchemaChanges,
} from '../protocol/index.ts';
import {
  acceptUpdate,
  configureUpdate,
  connectionWorkflowId,
  editUpdate,
  forgetUpdate,
  pauseUpdate,
  refreshUpdate,
  resumeUpdate,
  searchAttributes,
  statusQuery,
  type ConnectionInput,
  type EditRequest,
  type PauseRequest,
  type RefreshRequest,
} from '../workflows/messages.ts';
import { refuseOversized, specMax, statesMax } from '../workflows/room.ts';
import type { connectionWorkflow } from '../workflows/index.ts';
import { clientError, isWorkerMissing } from './failure.ts';
import { awaitWork, isPolled, type WaitOptions } from './queues.ts';
import { described, workflowTypes } from './starts.ts';

const queryMsMax = 10_000;
/** A worker answers a query within milliseconds; replaying a long history takes longer. */
const answerMsUsual = 1_500;
const workerWaitMsMax = 10 * 60_000;
const askAgainMs = 1_000;

export interface Room {
  readonly client: Client;
  readonly taskQueue: string;
}

export type SpecChange = 'created' | 'updated' | 'unchanged';

/** Stores the spec: starts the connection's workflow with a fresh id, or updates the running one. */
export async function applySpec(
  { client, taskQueue }: Room,
  spec: ConnectionSpec,
  options: WaitOptions,
): Promise<SpecChange> {
  refuseOversized(JSON.stringify(spec), specMax, {
    message: 'The connection is too large.',
    origin: 'tidemark',
    place: `${spec.name}, ${spec.streams?.length ?? 0} streams`,
    remedy: 'Leave `streams` away to copy all of them, or split it into several connections.',
  });
  const workflowId = connectionWorkflowId(spec.name);
  const input: ConnectionInput = { state: newConnection(randomUUID(), spec) };
  try {
    await client.workflow.start<typeof connectionWorkflow>(workflowTypes.connection, {
      workflowId,
      taskQueue,
      args: [input],
      workflowIdConflictPolicy: 'FAIL',
      ...described(
        spec.name,
        `Connection ${spec.name}: ${spec.source.connector} to ${spec.destination.connector}`,
        'Holds the checkpoints of this connection. Never ends; terminating it forgets its place.',
      ),
    });
    return 'created';
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError))
      throw clientError(error, workflowId);
  }
  const workflow = client.workflow.getHandle(workflowId);
  const configure = async (): Promise<SpecChange> => {
    const { spec: stored } = await workflow.query(statusQuery);
    if (isDeepStrictEqual(stored, plain(spec))) return 'unchanged';
    await workflow.executeUpdate(configureUpdate, { args: [spec] });
    return 'updated';
  };
  return withWorker({ client, taskQueue }, workflow, configure, options);
}

/** What crossed the wire: members that are undefined are absent. */
function plain(spec: ConnectionSpec): unknown {
  return JSON.parse(JSON.stringify(spec));
}

/** What the connection's workflow holds. Throws a config_error when there is no such connection, a transient one when no worker answers. */
export async function stateOf(room: Room, name: string): Promise<ConnectionState> {
  const { client, taskQueue } = room;
  const workflow = await runningConnection(room, name);
  const stop = new AbortController();
  // Without a worker the server would let the query wait for its whole deadline.
  const timer = setTimeout(() => {
    isPolled(client, taskQueue, 'workflow').then(
      (polled) => (polled ? undefined : stop.abort()),
      // The query's own deadline still holds.
      () => undefined,
    );
  }, answerMsUsual);
  try {
    const state = await client.withAbortSignal(stop.signal, () =>
      client.withDeadline(Date.now() + queryMsMax, () => workflow.query(statusQuery)),
    );
    return currentState(state);
  } catch (error) {
    if (!isWorkerMissing(error)) throw clientError(error, connectionWorkflowId(name));
    throw new SyncError(
      'transient_error',
      stop.signal.aborted
        ? 'No worker runs, so nobody can answer.'
        : 'The workers did not answer in time.',
      {
        origin: 'tidemark',
        place: `task queue ${taskQueue}`,
        remedy: stop.signal.aborted ? 'Start one: tidemark worker.' : 'Try again soon.',
        cause: error,
      },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** The handle of a connection that exists; needs no worker. */
export async function runningConnection({ client }: Room, name: string): Promise<WorkflowHandle> {
  const workflow = client.workflow.getHandle(connectionWorkflowId(name));
  const status = await workflow.describe().then(
    (description) => description.status.name,
    (error: unknown) => {
      throw clientError(error, name);
    },
  );
  if (status === 'RUNNING') return workflow;
  throw new SyncError('config_error', 'This connection was deleted.', {
    origin: 'tidemark',
    place: name,
    remedy: `Apply it again: tidemark apply ${name}.`,
    facts: { status },
  });
}

/** False also for one that was deleted. */
export function isApplied(room: Room, name: string): Promise<boolean> {
  return runningConnection(room, name).then(
    () => true,
    (error: unknown) => {
      if (error instanceof SyncError && error.kind === 'config_error') return false;
      throw error;
    },
  );
}

export async function editConnection(
  room: Room,
  name: string,
  request: EditRequest,
  options: WaitOptions,
): Promise<void> {
  const workflow = await runningConnection(room, name);
  const edit = async (): Promise<void> => {
    if (request.state !== null) await refuseLargeEdit(workflow, name, request);
    await workflow.executeUpdate(editUpdate, { args: [request] });
  };
  await withWorker(room, workflow, edit, options);
}

/** With the connection's other states: together they must fit, or its workflow would stop. */
async function refuseLargeEdit(
  workflow: WorkflowHandle,
  name: string,
  { scope, state, exact }: EditRequest,
): Promise<void> {
  const { checkpoints } = await workflow.query(statusQuery);
  const others = Object.values(checkpoints).filter((one) => one.scope !== scope);
  refuseOversized(JSON.stringify([...others, { state, exact }]), statesMax, {
    message: 'The state is too large.',
    origin: 'tidemark',
    place: scope ?? name,
    remedy: 'Give a smaller one: the states of a connection must fit into Temporal together.',
  });
}

export async function acceptChanges(
  room: Room,
  name: string,
  options: WaitOptions,
): Promise<SchemaChanges> {
  const workflow = await runningConnection(room, name);
  const { history } = await stateOf(room, name);
  const found = schemaSince(history);
  if (found === undefined || found.taken)
    throw new SyncError('config_error', 'There is no change of the source to accept.', {
      origin: 'tidemark',
      place: name,
      remedy: `Changes are found by a sync: tidemark sync ${name}.`,
    });
  const accept = (): Promise<void> =>
    workflow.executeUpdate(acceptUpdate, { args: [{ changes: found.id }] });
  await withWorker(room, workflow, accept, options);
  return found;
}

export async function refreshConnection(
  room: Room,
  name: string,
  request: RefreshRequest,
  options: WaitOptions,
): Promise<void> {
  const workflow = await runningConnection(room, name);
  const refresh = (): Promise<void> => workflow.executeUpdate(refreshUpdate, { args: [request] });
  await withWorker(room, workflow, refresh, options);
}

/** Resolves with the ends whose connectors had changed their configs. */
export async function forgetUpdates(
  room: Room,
  name: string,
  options: WaitOptions,
): Promise<readonly EndName[]> {
  const workflow = await runningConnection(room, name);
  const forget = (): Promise<readonly EndName[]> =>
    workflow.executeUpdate(forgetUpdate, { args: [{ end: null }] });
  return withWorker(room, workflow, forget, options);
}

/** Idempotent. Resolves with the pause that now holds: the syncs that run drain only then. */
export async function pauseConnection(
  room: Room,
  name: string,
  request: PauseRequest,
  options: WaitOptions,
): Promise<Pause> {
  const workflow = await runningConnection(room, name);
  const pause = (): Promise<Pause> => workflow.executeUpdate(pauseUpdate, { args: [request] });
  return withWorker(room, workflow, pause, options);
}

/** Resolves with the pause that it ended; null: there was none. */
export async function resumeConnection(
  room: Room,
  name: string,
  options: WaitOptions,
): Promise<Pause | null> {
  const workflow = await runningConnection(room, name);
  const resume = (): Promise<Pause | null> => workflow.executeUpdate(resumeUpdate);
  return withWorker(room, workflow, resume, options);
}

async function withWorker<T>(
  { client, taskQueue }: Room,
  workflow: WorkflowHandle,
  ask: () => Promise<T>,
  options: WaitOptions,
): Promise<T> {
  try {
    return await awaitWork(client, {
      work: untilWorkerAnswers(client, ask),
      waitsFor: async () => ({ queue: taskQueue, kind: 'workflow' }),
      ...options,
    });
  } catch (error) {
    throw clientError(error, workflow.workflowId);
  }
}

/** Waits up to ten minutes for a worker: a query without one is refused at once or after seconds, an update waits. */
async function untilWorkerAnswers<T>(client: Client, ask: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + workerWaitMsMax;
  for (;;) {
    try {
      return await client.withDeadline(deadline, ask);
    } catch (error) {
      if (!isWorkerMissing(error) || Date.now() + askAgainMs > deadline) throw error;
    }
    await pause(askAgainMs);
  }
}

/** Names of the connections of this task queue, by visibility: new ones appear after about a second. */
export async function* connectionNames({ client, taskQueue }: Room): AsyncGenerator<string> {
  const query = `WorkflowType = '${workflowTypes.connection}' AND ExecutionStatus = 'Running' AND TaskQueue = '${taskQueue.replaceAll("'", "\\'")}'`;
  const prefix = connectionWorkflowId('');
  try {
    for await (const { workflowId, searchAttributes: found } of client.workflow.list({ query })) {
      if (!workflowId.startsWith(prefix)) continue;
      const [name] = found[searchAttributes.connection.name] ?? [];
      yield typeof name === 'string' ? name : workflowId.slice(prefix.length);
    }
  } catch (error) {
    throw clientError(error, 'list of connections');
  }
}

/** The lease's holder if it still runs: a terminated one keeps the lease until the next sync takes over. */
export async function livingHolder(
  { client }: Room,
  state: ConnectionState,
): Promise<Holder | null> {
  if (state.lease === null) return null;
  const { holder } = state.lease;
  const found = await client.workflow
    .getHandle(holder.workflowId)
    .describe()
    .catch((error: unknown) => {
      const known = clientError(error, holder.workflowId);
      if (known.kind === 'config_error') return null;
      throw known;
    });
  if (found === null || found.status.name !== 'RUNNING') return null;
  return found.raw.workflowExecutionInfo?.firstRunId === holder.firstRunId ? holder : null;
}
