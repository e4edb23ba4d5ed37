import { SyncError } from '../../protocol/index.ts';

/** A failure that a person mends in the connection, with the place there. */
export type RefuseConfig = (
  message: string,
  place: string,
  remedy: string,
  stream?: string,
) => SyncError;

/** For one end of a system. */
export function refusalsOf(origin: 'source' | 'destination'): RefuseConfig {
  return (message, place, remedy, stream) =>
    new SyncError('config_error', message, {
      ...{ origin, place, remedy },
      ...(stream !== undefined && { stream }),
    });
}
