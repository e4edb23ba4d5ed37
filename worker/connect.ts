import { Client, Connection, isGrpcServiceError, type DataConverter } from '@temporalio/client';
import { NativeConnection } from '@temporalio/worker';
import { SyncError } from '../protocol/index.ts';
import type { TemporalAddress } from './config.ts';

/** A worker waits this long for Temporal when it starts. */
export const connectMsMax = 60_000;
const attemptMsMax = 5_000;
const pauseMs = 2_000;
/** gRPC's own pauses between two tries to reach a server that is away grow to two minutes: so long nobody would be told that it is back. */
const reconnectMsMax = 5_000;

export interface Connections {
  /** Of the workers. */
  readonly native: NativeConnection;
  /** For attach and commit: a connection of its own, which no activity's cancellation can cut. */
  readonly client: Client;
  close(): Promise<void>;
}

export interface ConnectOptions {
  readonly temporal: TemporalAddress;
  readonly dataConverter: DataConverter;
  /** Told about every attempt that failed. */
  readonly notify: (line: string) => void;
  /** Aborted: give up. */
  readonly signal: AbortSignal;
  readonly msMax?: number;
}

/**
 * Connects to Temporal, waiting for a server that is not there yet. Throws a transient_error after `msMax`, a config_error at once when the
 * server refuses us; null when `signal` aborted the wait.
 */
export async function connect(options: ConnectOptions): Promise<Connections | null> {
  const { temporal, notify, signal, msMax = connectMsMax } = options;
  const address = temporal.connectionOptions.address ?? 'localhost:7233';
  const deadline = Date.now() + msMax;
  for (;;) {
    try {
      return await connectOnce(options);
    } catch (error) {
      if (error instanceof SyncError) throw error;
      const reason = reasonOf(error);
      if (isRefusal(error)) throw refused(address, reason, error);
      if (Date.now() + pauseMs > deadline) throw unreachable(address, reason, error);
      const seconds = Math.round((deadline - Date.now()) / 1_000);
      notify(`Waiting for Temporal at ${address}, ${seconds} s more: ${reason}`);
    }
    await pause(pauseMs, signal);
    if (signal.aborted) return null;
  }
}

async function connectOnce({ temporal, dataConverter }: ConnectOptions): Promise<Connections> {
  const { connectionOptions, namespace } = temporal;
  const connection = await Connection.connect({
    ...(connectionOptions as Parameters<typeof Connection.connect>[0]),
    connectTimeout: attemptMsMax,
    channelArgs: { 'grpc.max_reconnect_backoff_ms': reconnectMsMax },
  });
  let native: NativeConnection | undefined;
  try {
    await refuseMissingNamespace(connection, namespace);
    native = await NativeConnection.connect(connectionOptions);
  } finally {
    if (native === undefined) await connection.close();
  }
  const opened = native;
  return {
    native: opened,
    client: new Client({ connection, namespace, dataConverter }),
    async close() {
      await connection.close();
      await opened.close();
    },
  };
}

async function refuseMissingNamespace(connection: Connection, namespace: string): Promise<void> {
  try {
    await connection.withDeadline(Date.now() + attemptMsMax, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    // Whoever may not describe namespaces may still work in one.
    if (!isGrpcServiceError(error) || error.code !== grpcStatus.notFound) return;
    throw new SyncError('config_error', 'The Temporal server has no such namespace.', {
      origin: 'tidemark',
      place: namespace,
      remedy: `Create it (temporal operator namespace create ${namespace}), or name another with TEMPORAL_NAMESPACE.`,
      cause: error,
    });
  }
}

const grpcStatus = { notFound: 5, permissionDenied: 7, unauthenticated: 16 } as const;

/** Waiting does not help. */
function isRefusal(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause)
    if (
      isGrpcServiceError(at) &&
      (at.code === grpcStatus.permissionDenied || at.code === grpcStatus.unauthenticated)
    )
      return true;
  return error instanceof TypeError;
}

function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0]!.slice(0, 300);
}

function refused(address: string, reason: string, cause: unknown): SyncError {
  return new SyncError('config_error', 'Temporal refuses this worker.', {
    origin: 'tidemark',
    place: `${address}: ${reason}`,
    remedy:
      'Correct TEMPORAL_API_KEY, TEMPORAL_TLS_* or TEMPORAL_NAMESPACE, or the profile (TEMPORAL_PROFILE).',
    cause,
  });
}

function unreachable(address: string, reason: string, cause: unknown): SyncError {
  return new SyncError('transient_error', 'Temporal cannot be reached.', {
    origin: 'tidemark',
    place: `${address}: ${reason}`,
    remedy:
      'Start a server on this machine (tidemark dev), or name yours with TEMPORAL_ADDRESS (and TEMPORAL_NAMESPACE, TEMPORAL_API_KEY or TEMPORAL_TLS_*).',
    cause,
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
