import type { Scanner } from '../../engine/scan/scanner.ts';
import type { Session, SessionOptions } from './session.ts';

/** A connector that was killed ends its output at once, unless something that it started holds on to it. Milliseconds. */
const restMsMax = 1_000;

/**
 * Nobody wants any more what the connector says: it is killed, and what it has printed by then is looked through for updates of its config.
 * The token in them may be the only one that still works. Never rejects: how the run ended is known already.
 */
export async function keepLastUpdates(
  session: Session,
  scanner: Scanner,
  { log, updates }: SessionOptions,
): Promise<void> {
  session.stop(new Error('It is over.'));
  try {
    for await (const chunk of session.output.rest(restMsMax))
      for (const item of scanner.scan(chunk.bytes))
        if (item.type === 'MESSAGE' && item.message.type === 'CONTROL') updates.hear(item.message);
  } catch {
    log('Its last words could not be read.');
  }
  try {
    await updates.kept();
  } catch (error) {
    log(`ERROR Its last config update was not kept: ${(error as Error).message}`);
  }
}
