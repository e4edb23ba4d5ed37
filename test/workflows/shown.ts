import type { Client } from '@temporalio/client';
import { frame } from '../../client/cli/render-sync.ts';
import { syncHandle } from '../../client/sync-handle.ts';
import type { SyncView } from '../../client/sync-view.ts';
import type { Item, TraceMessage } from '../../protocol/index.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import { id, status } from '../support/items.ts';
import type { SyncRun } from './house.ts';

// Where a person may look at a sync.

/** What Temporal's UI shows. */
export async function currentDetails(client: Client, { workflowId }: SyncRun): Promise<string> {
  const metadata = await client.workflow
    .getHandle(workflowId)
    .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails ?? '';
}

/** `TidemarkStatus`. */
export async function statusOf(handle: SyncRun): Promise<unknown> {
  const { searchAttributes: found } = await handle.describe();
  return found[searchAttributes.status.name]?.[0];
}

/** What the command line reads. */
export function viewOf(client: Client, handle: SyncRun, connection: string): Promise<SyncView> {
  const { workflowId, firstExecutionRunId: firstRunId } = handle;
  return syncHandle(client, {
    connection,
    workflowId,
    firstRunId,
    origin: 'attached',
  }).status();
}

/** What the command line draws. */
export const linesOf = (view: SyncView): string =>
  frame(view, { now: Date.now(), columns: 1_000, streamsMax: 5, rateOf: () => 0 }).join('\n');

/** The source says that its quota is back then. */
export function limited(resetMs: number): Item {
  const { type, trace } = status(id('orders'), 'RUNNING');
  const reasons = [{ type: 'RATE_LIMITED', rate_limited: { quota_reset: resetMs } }];
  const stream_status = { ...trace.stream_status!, reasons };
  return { type, trace: { ...trace, stream_status } } satisfies TraceMessage;
}
