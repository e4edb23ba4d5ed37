import { SyncError, type FailureOrigin, type JsonObject } from '../protocol/index.ts';
import { differences } from './bindings.ts';
import { fileName, type ConnectorEntry, type ConnectorsFile } from './connectors-file.ts';

/**
 * The keyword by which a native connector's spec names the property without which it acts with the credentials of the worker itself: those of
 * its environment, its profile or its machine's role.
 */
export const ambientKeyword = 'x-ambient-without';

export interface AmbientUse {
  readonly entry: ConnectorEntry;
  readonly file: ConnectorsFile;
  readonly origin: FailureOrigin;
}

/** Throws a config_error unless the config brings credentials, or connectors.yaml lets this connector act with the worker's own. */
export function refuseAmbient(
  config: JsonObject,
  schema: JsonObject,
  { entry, file, origin }: AmbientUse,
): void {
  const property = schema[ambientKeyword];
  if (typeof property !== 'string' || config[property] !== undefined) return;
  const refuse = (message: string, remedy: string): SyncError =>
    new SyncError('config_error', message, {
      origin,
      place: `${entry.name} /${property}`,
      remedy,
      facts: { connector: entry.name, path: `/${property}` },
    });
  if (entry.ambient === null)
    throw refuse(
      'A connector config brings no credentials, and the worker’s own are not to be used.',
      `Set ${property}; or let this connector act with the worker’s own credentials: in ${fileName(file)}, connectors: ${entry.name}: credentials: [ambient]. Then restart the worker.`,
    );
  const differing = differences(entry.ambient, config);
  if (differing.length > 0)
    throw refuse(
      'The worker’s own credentials are used with other values than they are bound to.',
      `Correct ${differing.join(' and ')} in this config, or only_with of credentials in ${fileName(file)} and restart the worker.`,
    );
}
