import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import { isObject, SyncError, type Progress, type SyncSummary } from '../protocol/index.ts';
import {
  connectionWorkflowId,
  statusQuery,
  syncStatusQuery,
  type SyncStatus,
} from '../workflows/messages.ts';
import { clientError, failureOf } from './failure.ts';
import { isPolled } from './queues.ts';
import { attemptsOf, pauseOf, waitsForOf, type SyncView } from './sync-view.ts';

const watchEveryMsDefault = 1_000;
const queryMsMax = 5_000;
const forwardedMsMax = 2_000;

/** A sync, running or ended. */
export interface SyncHandle {
  readonly connection: string;
  readonly workflowId: string;
  readonly firstRunId: string;
  /** `attached`: it was running already, started by someone else or by the schedule. */
  readonly origin: 'started' | 'attached';
  /**
   * Waits for the end. Resolves with the summary however the sync ended: look at its `outcome`. Rejects with a SyncError when there is no
   * summary: the workflow was terminated, or ended before it began.
   */
  result(): Promise<SyncSummary>;
  /** Where it is now. */
  status(): Promise<SyncView>;
  /** Asks it to stop at a checkpoint; `result` tells when it has. */
  cancel(): Promise<void>;
  /** Views until the end; the last one holds the summary. Leaving the loop leaves the sync running. Rejects as `result` does. */
  watch(options?: {
    readonly everyMs?: number;
    readonly signal?: AbortSignal;
  }): AsyncIterable<SyncView>;
}

/** Of a sync that has ended. */
const nothing = { attempts: [], forwarded: null, unpolled: null, pause: null } as const;

export interface SyncRun {
  readonly connection: string;
  readonly workflowId: string;
  readonly firstRunId: string;
  readonly origin: SyncHandle['origin'];
}

export function syncHandle(client: Client, run: SyncRun): SyncHandle {
  const { workflowId, firstRunId } = run;
  const workflow = client.workflow.getHandle(workflowId, undefined, {
    firstExecutionRunId: firstRunId,
  });
  const result = (): Promise<SyncSummary> => resultOf(client, workflow, run);
  const status = async (): Promise<SyncView> => {
    const description = await workflow.describe().catch((error: unknown) => {
      throw clientError(error, workflowId);
    });
    const isOurs = description.raw.workflowExecutionInfo?.firstRunId === firstRunId;
    const isRunning = isOurs && description.status.name === 'RUNNING';
    const at = { connection: run.connection, workflowId, startedAt: startOf(description) };
    if (!isRunning) return { ...at, ...nothing, summary: await result() };
    const attempts = await attemptsOf(client, description);
    const unpolled = await unpolledOf(client, description);
    const isShown = unpolled !== null || attempts.some(({ progress }) => progress !== null);
    const forwarded = isShown ? null : await forwardedTo(client, workflow);
    return { ...at, attempts, forwarded, unpolled, pause: pauseOf(description), summary: null };
  };
  return {
    ...run,
    result,
    status,
    async cancel() {
      try {
        await workflow.cancel();
      } catch (error) {
        throw clientError(error, workflowId);
      }
    },
    watch: (options = {}) => watch(client, { result, status }, options),
  };
}

async function unpolledOf(
  client: Client,
  description: WorkflowExecutionDescription,
): Promise<string | null> {
  const waiting = waitsForOf(description);
  if (waiting === null || (await isPolled(client, waiting.queue, waiting.kind))) return null;
  return waiting.queue;
}

const startOf = ({ startTime }: WorkflowExecutionDescription): string => startTime.toISOString();

async function forwardedTo(client: Client, workflow: WorkflowHandle): Promise<Progress | null> {
  try {
    const ask = (): Promise<SyncStatus> => workflow.query(syncStatusQuery);
    return (await client.withDeadline(Date.now() + forwardedMsMax, ask)).progress;
  } catch (error) {
    // The workflow's first task may not have run yet, or its worker is busy: there is nothing to show then.
    return error instanceof Error ? null : Promise.reject(error);
  }
}

async function* watch(
  client: Client,
  { result, status }: Pick<SyncHandle, 'result' | 'status'>,
  { everyMs = watchEveryMsDefault, signal }: { everyMs?: number; signal?: AbortSignal },
): AsyncGenerator<SyncView> {
  const left = new AbortController();
  const leave = (): void => left.abort();
  signal?.addEventListener('abort', leave);
  if (signal?.aborted === true) leave();
  const stop = left.signal;
  const end = client.withAbortSignal(stop, result).then(
    (summary) => ({ summary }),
    (error: unknown) => ({ error }),
  );
  try {
    for (let view = await status(); !stop.aborted; view = await status()) {
      yield view;
      if (view.summary !== null) return;
      const ended = await Promise.race([end, pause(everyMs, stop)]);
      if (stop.aborted) return;
      if (ended === undefined) continue;
      if ('error' in ended) throw ended.error;
      yield { ...view, ...nothing, summary: ended.summary };
      return;
    }
  } finally {
    signal?.removeEventListener('abort', leave);
    leave();
  }
}

/** Resolves after the time or when the signal aborts, leaving neither a timer nor a listener. */
function pause(ms: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve(undefined);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}

async function resultOf(
  client: Client,
  workflow: WorkflowHandle,
  run: SyncRun,
): Promise<SyncSummary> {
  try {
    const value: unknown = await workflow.result();
    if (isSummary(value)) return value;
  } catch (error) {
    const summary = await summaryOfEnded(client, workflow, run);
    if (summary !== null) return summary;
    const { kind, message, ...options } = failureOf(error);
    throw new SyncError(kind, message, { place: run.workflowId, ...options, cause: error });
  }
  throw new SyncError('system_error', 'The sync ended without a summary.', {
    origin: 'tidemark',
    place: run.workflowId,
    remedy: 'Check that client and worker are of the same version.',
  });
}

/** A failed workflow has no result: its query, else the connection's history, holds the summary. null: neither answers in time. */
async function summaryOfEnded(
  client: Client,
  workflow: WorkflowHandle,
  run: SyncRun,
): Promise<SyncSummary | null> {
  const within = <T>(ask: () => Promise<T>): Promise<T> =>
    client.withDeadline(Date.now() + queryMsMax, ask);
  try {
    const { raw } = await within(() => workflow.describe());
    if (raw.workflowExecutionInfo?.firstRunId === run.firstRunId) {
      const { summary } = await within(() => workflow.query(syncStatusQuery));
      if (summary !== null) return summary;
    }
    const connection = client.workflow.getHandle(connectionWorkflowId(run.connection));
    const { history } = await within(() => connection.query(statusQuery));
    const startedAt = raw.workflowExecutionInfo?.startTime?.seconds;
    return (
      history.findLast(
        (past) =>
          past.workflowId === run.workflowId &&
          Date.parse(past.endedAt) >= Number(startedAt ?? 0) * 1_000,
      ) ?? null
    );
  } catch (error) {
    // Retention may have passed, or no worker runs: the failure itself is then all there is.
    return error instanceof Error ? null : Promise.reject(error);
  }
}

function isSummary(value: unknown): value is SyncSummary {
  return isObject(value) && typeof value['outcome'] === 'string';
}
