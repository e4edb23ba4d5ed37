import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { syncWorkflow } from '../workflows/index.ts';
import { syncWorkflowId } from '../workflows/messages.ts';
import { livingHolder, runningConnection, stateOf, type Room } from './connections.ts';
import { asSyncError } from '../protocol/index.ts';
import { clientError } from './failure.ts';
import { describedSync, workflowTypes } from './starts.ts';
import { syncHandle, type SyncHandle } from './sync-handle.ts';

/** Starts a sync, or attaches to the one that runs, whoever started it. */
export async function startSync(room: Room, connection: string): Promise<SyncHandle> {
  await runningConnection(room, connection);
  const running = await holderOrNull(room, connection);
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

/** With no worker nobody can tell who holds the lease; `begin` decides it then. */
async function holderOrNull(room: Room, connection: string): Promise<SyncHandle | null> {
  try {
    return await leaseHolder(room, connection);
  } catch (error) {
    if (asSyncError(error).kind === 'transient_error') return null;
    throw error;
  }
}

async function leaseHolder(room: Room, connection: string): Promise<SyncHandle | null> {
  const holder = await livingHolder(room, await stateOf(room, connection));
  if (holder === null) return null;
  return syncHandle(room.client, { connection, ...holder, origin: 'attached' });
}

/** The running sync: the lease's holder, or a manual one that has not begun yet. null: none runs. */
export async function runningSync(room: Room, connection: string): Promise<SyncHandle | null> {
  await runningConnection(room, connection);
  const holder = await holderOrNull(room, connection);
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
