import type { Item, ReadInput } from '../../../protocol/index.ts';
import { readStreams } from '../../kit/read-streams.ts';
import { parseLookBack } from '../../kit/tables-source/look-back.ts';
import { asPostgresError } from '../errors.ts';
import type { Session } from '../session.ts';
import { byStream, findRelations } from './catalog.ts';
import { gone } from './gone.ts';
import { createHelpers } from './helpers.ts';
import { readChanges } from './changes/read-changes.ts';
import type { PostgresSourceConfig } from './config.ts';
import { readTable } from './read-table.ts';
import { connectReader } from './reader-session.ts';
import { selectionOf } from './selection.ts';
import { watchServer } from './signs-of-life.ts';

/** Reads the catalog's streams one after the other, all through one session while it lasts, and those beside it that help with large tables. */
export async function* readPostgres(
  input: ReadInput<PostgresSourceConfig>,
): AsyncGenerator<Item, void, undefined> {
  const { config, abort } = input;
  if (config.cdc !== undefined) return yield* readChanges(input, config.cdc);
  const lookBack = parseLookBack(config.look_back);
  let session: Session | null = null;
  let awaited: Session | null = null;
  const helpers = createHelpers(config, abort);
  const stop = (): void => {
    session?.destroy();
    helpers.destroy();
  };
  abort.addEventListener('abort', stop, { once: true });
  const connected = async (): Promise<Session> => {
    if (session !== null && !session.isLost) return session;
    session = await connectReader(config, abort);
    return session;
  };
  const signs = watchServer(
    config,
    () => [awaited === null || awaited.isLost ? null : awaited.processId],
    () => input.lives?.(),
  );
  try {
    const items = readStreams(input, async () => {
      const first = await connected();
      const relations = byStream(await first.alone(abort, () => findRelations(first, config)));
      return async function* (configured, state, id) {
        const { stream } = configured;
        const relation = relations.get(id);
        if (relation === undefined) throw gone(id);
        const selection = selectionOf(relation, configured);
        const own = await connected();
        const awaits = (one: Session): void => void (awaited = one);
        awaits(own);
        let isOver = false;
        try {
          const sessions = { session: own, helpers, awaits };
          yield* readTable({ ...sessions, selection, input, id, stream, lookBack }, state);
          isOver = true;
        } catch (error) {
          throw asPostgresError(error, abort, own.place, 'source');
        } finally {
          // Its transaction goes with it.
          if (!isOver) own.destroy();
        }
      };
    });
    for await (const item of items) {
      signs.came();
      yield item;
    }
  } finally {
    signs.stop();
    abort.removeEventListener('abort', stop);
    await Promise.all([(session as Session | null)?.close(), helpers.close()]);
  }
}
