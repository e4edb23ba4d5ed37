import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { syncWorkflow } from '../workflows/index.ts';
import { syncWorkflowId } from '../workflows/messages.ts';
import { livingHolder, runningConnection, stateOf, type Room } from './connections.ts';
import { asSyncError, pausedFailure, SyncError, type ConnectionState } from '../protocol/index.ts';
import { clientError } from './failure.ts';
import { describedSync, workflowTypes } from './starts.ts';
import { syncHandle, type SyncHandle } from './sync-handle.ts';

/** Starts a sync, or attaches to the one that runs, whoever started it. Refused while the connection is paused. */
export async function startSync(room: Room, connection: string): Promise<SyncHandle> {
  await runningConnection(room, connection);
  const state = await withoutWorker(() => stateOf(room, connection));
  if (state?.paused !== undefined) {
    const { kind, message, ...options } = pausedFailure(connection, state.paused);
    throw new SyncError(kind, message, options);
  }
  const running = state && (await withoutWorker(() => leaseHolder(room, state)));
  if (running !== null) return running;
  const workflowId = syncWorkflowId(connection);
  const { client, taskQueue } = room;
  try {
    const { firstExecutionRunId } = await client.workflow.start<typeof syncWorkflow>(
      workflowTypes.sync,
      {
        workflowId,
        taskQueue,
        args: [{ connection }],
        workflowIdConflictPolicy: 'FAIL',
        ...describedSync(connection),
      },
    );
    const firstRunId = firstExecutionRunId;
    return syncHandle(client, { connection, workflowId, firstRunId, origin: 'started' });
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError))
      throw clientError(error, workflowId);
  }
  const { raw } = await client.workflow.getHandle(workflowId).describe();
  const firstRunId = raw.workflowExecutionInfo?.firstRunId ?? '';
  return syncHandle(client, { connection, workflowId, firstRunId, origin: 'attached' });
}

/** null: with no worker nobody can tell; `begin` decides it then. */
async function withoutWorker<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (asSyncError(error).kind === 'transient_error') return null;
    throw error;
  }
}

async function leaseHolder(room: Room, state: ConnectionState): Promise<SyncHandle | null> {
  const holder = await livingHolder(room, state);
  if (holder === null) return null;
  const connection = state.spec.name;
  return syncHandle(room.client, { connection, ...holder, origin: 'attached' });
}

/** The running sync: the lease's holder, or a manual one that has not begun yet. null: none runs. */
export async function runningSync(room: Room, connection: string): Promise<SyncHandle | null> {
  await runningConnection(room, connection);
  const holder = await withoutWorker(async () =>
    leaseHolder(room, await stateOf(room, connection)),
  );
  if (holder !== null) return holder;
  const workflowId = syncWorkflowId(connection);
  try {
    const { status, raw } = await room.client.workflow.getHandle(workflowId).describe();
    if (status.name !== 'RUNNING') return null;
    const firstRunId = raw.workflowExecutionInfo?.firstRunId ?? '';
    return syncHandle(room.client, { connection, workflowId, firstRunId, origin: 'attached' });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw clientError(error, workflowId);
  }
}
