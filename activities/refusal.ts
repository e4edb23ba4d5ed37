import type { SyncError } from '../protocol/index.ts';
import type { Attempt } from './attempt.ts';

/**
 * A writer that was fenced off ends without a word to Temporal: a refused update leaves no history, and its attempt was given up before. Its
 * worker's log tells, in one line.
 */
export function logRefusal({ context, begun, lane, epoch }: Attempt, error: SyncError): void {
  if (error.code !== 'fenced') return;
  context.log.warn('Refused: a newer writer owns this connection.', {
    code: error.code,
    origin: error.origin,
    connection: begun.spec.name,
    sync: begun.syncNo,
    lane,
    epoch: `${epoch.syncNo}/${epoch.at}`,
  });
}
