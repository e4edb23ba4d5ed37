import { isObject, SyncError } from '../protocol/index.ts';
import { settings } from './settings.ts';

/** Nothing can be served at an address that a setting names. */
export function notListening(
  setting: 'metricsAddress' | 'temporalMetricsAddress',
  address: string,
  cause: unknown,
): SyncError {
  const { variable, key } = settings[setting];
  const code = isObject(cause) ? cause['code'] : undefined;
  const reason = typeof code === 'string' ? code : String(cause).split('\n')[0]!;
  return new SyncError('config_error', 'The worker cannot listen at an address.', {
    origin: 'tidemark',
    place: `${variable} ${address}: ${reason}`,
    remedy: `Set ${variable} (or ${key} in tidemark.yaml) to an address of this machine with a port that is free, one for each worker on it, or to none.`,
    cause,
  });
}
