import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  isGrpcServiceError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  type Client,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { isSyncFailure, SyncError, type ConnectionState } from '../protocol/index.ts';
import {
  attachUpdate,
  beginUpdate,
  commitUpdate,
  connectionWorkflowId,
  endUpdate,
  rememberUpdate,
  statusQuery,
  type Attached,
  type AttachRequest,
  type BeginAnswer,
  type BeginRequest,
  type CommitRequest,
  type EndRequest,
  type RememberRequest,
} from '../workflows/messages.ts';

const pauseMs = 500;
/** What the workflow of an older worker does not say. */
const unasked = { minimumGenerations: {}, clearing: [] } satisfies Partial<Attached>;
/** gRPC: INVALID_ARGUMENT, PERMISSION_DENIED, UNIMPLEMENTED, UNAUTHENTICATED. Asking again does not help. */
const finalCodes: readonly number[] = [3, 7, 12, 16];

/** How long to ask, and how long to wait for one answer. */
export interface Patience {
  readonly callMs: number;
  readonly totalMs: number;
  /** Ends the asking at once with its reason. */
  readonly signal?: AbortSignal;
}

/**
 * The connection workflow as activities see it. Throws what a validator refused (see `refusalOf`), a config_error when there is no such
 * connection, and an `isUnreachable` transient_error when no answer came in time.
 */
export interface ConnectionClient {
  begin(request: BeginRequest, patience: Patience): Promise<BeginAnswer>;
  end(request: EndRequest, patience: Patience): Promise<void>;
  attach(request: AttachRequest, patience: Patience): Promise<Attached>;
  commit(request: CommitRequest, patience: Patience): Promise<void>;
  remember(request: RememberRequest, patience: Patience): Promise<void>;
  status(patience: Patience): Promise<ConnectionState>;
}

export function connectionClient(client: Client, name: string): ConnectionClient {
  const workflow = client.workflow.getHandle(connectionWorkflowId(name));
  const ask = <T>(patience: Patience, call: (updateId: string) => Promise<T>): Promise<T> => {
    // One id for all tries: an update whose answer was lost is not made twice.
    const updateId = randomUUID();
    return repeated(client, name, patience, () => call(updateId));
  };
  return {
    begin: (request, patience) =>
      ask(patience, (updateId) =>
        workflow.executeUpdate(beginUpdate, { args: [request], updateId }),
      ),
    end: (request, patience) =>
      ask(patience, (updateId) => workflow.executeUpdate(endUpdate, { args: [request], updateId })),
    attach: (request, patience) =>
      ask(patience, async (updateId) => ({
        ...unasked,
        ...(await workflow.executeUpdate(attachUpdate, { args: [request], updateId })),
      })),
    commit: (request, patience) =>
      ask(patience, (updateId) =>
        workflow.executeUpdate(commitUpdate, { args: [request], updateId }),
      ),
    remember: (request, patience) =>
      ask(patience, (updateId) =>
        workflow.executeUpdate(rememberUpdate, { args: [request], updateId }),
      ),
    status: (patience) => ask(patience, () => workflow.query(statusQuery)),
  };
}

async function repeated<T>(
  client: Client,
  name: string,
  { callMs, totalMs, signal }: Patience,
  call: () => Promise<T>,
): Promise<T> {
  const until = Date.now() + totalMs;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const deadline = Math.min(Date.now() + callMs, until);
      return await unlessAborted(client.withDeadline(deadline, call), signal);
    } catch (error) {
      signal?.throwIfAborted();
      const final = finalError(error, name);
      if (final !== null) throw final;
      if (Date.now() + pauseMs >= until) throw unreachable(name, error);
    }
    await sleep(pauseMs);
  }
}

/** The client's calls do not hear of signals: the wait for them ends instead. */
export async function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  let leave: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    leave = () => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', leave!);
  }
}

/** null: a matter of transport, worth another try. */
function finalError(error: unknown, name: string): SyncError | null {
  if (error instanceof WorkflowUpdateFailedError) return refused(error);
  if (error instanceof WorkflowNotFoundError)
    return new SyncError('config_error', 'There is no such connection.', {
      origin: 'tidemark',
      place: name,
      remedy: 'Apply it first: tidemark apply <file>.',
      cause: error,
    });
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (!isGrpcServiceError(at) || !finalCodes.includes(at.code)) continue;
    return new SyncError('system_error', 'Temporal refused a call of this worker.', {
      origin: 'tidemark',
      place: `${name}: ${at.details}`,
      remedy: "Check the worker's credentials and that client and worker have the same version.",
      cause: error,
    });
  }
  return null;
}

function refused({ cause, message }: WorkflowUpdateFailedError): SyncError {
  const detail = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
  if (!isSyncFailure(detail))
    return new SyncError('system_error', cause?.message ?? message, { origin: 'tidemark', cause });
  const { kind, message: text, ...options } = detail;
  return new SyncError(kind, text, { ...options, cause });
}

/** The type by which a validator refused (see `refusals`), or null. */
export function refusalOf(error: unknown): string | null {
  if (!(error instanceof SyncError) || !(error.cause instanceof ApplicationFailure)) return null;
  return error.cause.type ?? null;
}

function unreachable(name: string, cause: unknown): SyncError {
  return new SyncError('transient_error', 'The connection workflow did not answer in time.', {
    origin: 'tidemark',
    place: name,
    remedy: 'Check that Temporal and a worker run; it is tried again.',
    facts: { unreachable: true },
    cause,
  });
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof SyncError && error.facts?.['unreachable'] === true;
}
