import { Client, Connection, type ConnectionOptions } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { SyncError } from '../protocol/index.ts';
import { dataConverter } from '../workflows/data-converter.ts';
import { clientError, unreachable } from './failure.ts';

const connectTimeoutMs = 8_000;
/** gRPC's own pauses between two tries to reach a server that is away grow to two minutes: whoever watches a sync would wait for so long. */
const reconnectMsMax = 5_000;
const channelArgs = { 'grpc.max_reconnect_backoff_ms': reconnectMsMax };
const defaultAddress = 'localhost:7233';

export interface TemporalOptions extends ConnectionOptions {
  readonly namespace?: string;
}

/** The TEMPORAL_* variables and profile file, as the `temporal` command reads them. */
export function temporalOptions(
  environment: Readonly<Record<string, string | undefined>>,
): TemporalOptions {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: defined(environment),
    });
    const { address, tls, apiKey, metadata } = connectionOptions;
    return defined({
      address,
      tls,
      apiKey,
      metadata: metadata as NonNullable<ConnectionOptions['metadata']> | undefined,
      namespace,
    });
  } catch (cause) {
    throw new SyncError('config_error', 'The settings of the Temporal connection cannot be used.', {
      origin: 'tidemark',
      place: cause instanceof Error ? cause.message : 'TEMPORAL_*',
      remedy: 'Correct the TEMPORAL_* variables or the profile file (TEMPORAL_CONFIG_FILE).',
      cause,
    });
  }
}

/** Connects within 8 s, or throws a config_error that says what to do. */
export async function connectClient({ namespace, ...options }: TemporalOptions): Promise<Client> {
  const address = options.address ?? defaultAddress;
  let connection: Connection;
  try {
    const defaults = { connectTimeout: connectTimeoutMs, channelArgs };
    connection = await Connection.connect({ ...defaults, ...options });
  } catch (cause) {
    const known = clientError(cause, address);
    throw known.kind === 'config_error' ? known : unreachable(address, cause);
  }
  return new Client({ connection, dataConverter, ...(namespace !== undefined && { namespace }) });
}

/** Without the members that are undefined, which the SDK takes for values. */
function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
