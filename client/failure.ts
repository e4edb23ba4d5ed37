import {
  isGrpcCancelledError,
  isGrpcDeadlineError,
  isGrpcServiceError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import {
  ApplicationFailure,
  CancelledFailure,
  NamespaceNotFoundError,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { isSyncFailure, SyncError, type SyncFailure } from '../protocol/index.ts';
import { searchAttributes } from '../workflows/messages.ts';

const causesMax = 20;
/** gRPC status codes. */
const grpc = {
  invalidArgument: 3,
  permissionDenied: 7,
  failedPrecondition: 9,
  unavailable: 14,
  unauthenticated: 16,
};

/** An error and its causes, outermost first. */
export function causesOf(error: unknown): readonly unknown[] {
  const chain: unknown[] = [];
  for (let e = error; e !== undefined && e !== null && chain.length < causesMax;) {
    chain.push(e);
    e = (e as { cause?: unknown }).cause;
  }
  return chain;
}

/**
 * The failure that a workflow, an update or an attempt ended with. Ours travel as `details[0]` of an ApplicationFailure; the outermost
 * is what was decided. What Temporal itself reports (timeouts, a Terminate) is put into the same form.
 */
export function failureOf(error: unknown): SyncFailure {
  if (error instanceof SyncError) return error.toFailure();
  const chain = causesOf(error);
  const ours = chain.map(carried).find((failure) => failure !== undefined);
  return ours ?? temporalFailure(chain) ?? unknownFailure(chain);
}

function carried(error: unknown): SyncFailure | undefined {
  if (!(error instanceof ApplicationFailure)) return undefined;
  const detail = error.details?.[0];
  return isSyncFailure(detail) ? detail : undefined;
}

function temporalFailure(chain: readonly unknown[]): SyncFailure | undefined {
  const timeout = chain.find((e) => e instanceof TimeoutFailure);
  if (timeout !== undefined) return timeoutFailure(timeout);
  if (chain.some((e) => e instanceof TerminatedFailure))
    return {
      kind: 'system_error',
      origin: 'tidemark',
      message: 'The workflow was terminated.',
      remedy: 'Nothing is lost: start the sync again, it resumes at its last checkpoint.',
    };
  if (chain.some((e) => e instanceof CancelledFailure))
    return {
      kind: 'transient_error',
      origin: 'tidemark',
      code: 'aborted',
      message: 'The work was cancelled.',
    };
  return undefined;
}

function timeoutFailure({ timeoutType }: TimeoutFailure): SyncFailure {
  if (timeoutType === 'HEARTBEAT')
    return {
      kind: 'transient_error',
      origin: 'tidemark',
      message: 'The worker went silent: it died, froze or lost its network.',
      remedy: 'The next attempt resumes at the last checkpoint; look at the worker if it repeats.',
    };
  return {
    kind: 'transient_error',
    origin: 'tidemark',
    message: 'The work did not finish in its time.',
    facts: { timeout: timeoutType ?? 'unknown' },
    remedy: 'Check that workers run (tidemark worker), then try again.',
  };
}

function unknownFailure(chain: readonly unknown[]): SyncFailure {
  const last = chain.at(-1);
  return {
    kind: 'system_error',
    origin: 'tidemark',
    message: last instanceof Error ? last.message : String(last),
  };
}

/** What a call to Temporal threw, as a SyncError. `place` says what was asked. */
export function clientError(error: unknown, place: string): SyncError {
  if (error instanceof SyncError) return error;
  const chain = causesOf(error);
  const ours = chain.map(carried).find((failure) => failure !== undefined);
  if (ours !== undefined) {
    const { kind, message, ...options } = ours;
    return new SyncError(kind, message, { ...options, cause: error });
  }
  if (chain.some((e) => e instanceof WorkflowNotFoundError))
    return new SyncError('config_error', 'There is no such connection or sync.', {
      origin: 'tidemark',
      place,
      remedy:
        'See `tidemark status` for the connections there are, or apply one: `tidemark apply`.',
      cause: error,
    });
  return grpcError(error, chain, place);
}

function grpcError(error: unknown, chain: readonly unknown[], place: string): SyncError {
  const refused = (message: string, remedy: string): SyncError =>
    new SyncError('config_error', message, { origin: 'tidemark', place, remedy, cause: error });
  const status = chain.find(isGrpcServiceError);
  const details = status?.details ?? '';
  if (/no mapping defined for search attribute|search attribute/i.test(details))
    return refused(
      'The search attributes are not registered on this Temporal server.',
      registerRemedy(),
    );
  if (chain.some((e) => e instanceof NamespaceNotFoundError))
    return refused(
      'The Temporal namespace does not exist.',
      'Set TEMPORAL_NAMESPACE, or create it: temporal operator namespace create.',
    );
  if (status?.code === grpc.unauthenticated || status?.code === grpc.permissionDenied)
    return refused(
      'Temporal refused these credentials.',
      'Check TEMPORAL_API_KEY or the TEMPORAL_TLS_* settings.',
    );
  if (status?.code === grpc.invalidArgument) return refused(details, 'Correct it and try again.');
  if (isGrpcDeadlineError(error) || isGrpcCancelledError(error))
    return new SyncError('transient_error', 'No answer came in time.', {
      origin: 'tidemark',
      place,
      remedy: 'Check that a worker runs: tidemark worker.',
      cause: error,
    });
  if (status?.code === grpc.unavailable) return unreachable(place, error);
  const { message, ...rest } = failureOf(error);
  return new SyncError(rest.kind, message, { ...rest, place, cause: error });
}

/** True when Temporal knows no worker that could answer a query. */
export function isWorkerMissing(error: unknown): boolean {
  const status = causesOf(error).find(isGrpcServiceError);
  return (
    isGrpcDeadlineError(error) ||
    isGrpcCancelledError(error) ||
    (status?.code === grpc.failedPrecondition && /poller|worker/i.test(status.details))
  );
}

export function unreachable(address: string, cause: unknown): SyncError {
  return new SyncError('config_error', 'Temporal cannot be reached.', {
    origin: 'tidemark',
    place: address,
    remedy:
      'Start one on this machine with `tidemark dev`, or name yours in TEMPORAL_ADDRESS (host:port).',
    cause,
  });
}

function registerRemedy(): string {
  const types = { KEYWORD: 'Keyword', INT: 'Int', DATETIME: 'Datetime' } as const;
  const pairs = Object.values(searchAttributes).map(
    ({ name, type }) => `--name ${name} --type ${types[type]}`,
  );
  return `Register them once: temporal operator search-attribute create ${pairs.join(' ')}`;
}
