import { emptySource } from '../engine/empty-source.ts';
import {
  everyStream,
  generationOf,
  globalScope,
  includesStream,
  kindHeld,
  streamId,
  SyncError,
  type Checkpoint,
  type ConfiguredCatalog,
  type StreamId,
} from '../protocol/index.ts';
import type { Attached } from '../workflows/messages.ts';
import type { OpenedSource } from './deps.ts';

/** A sync that clears has the streams that are to be emptied, and no others. */
export function limitedTo(
  clearing: readonly StreamId[],
  catalog: ConfiguredCatalog,
): ConfiguredCatalog {
  if (clearing.length === 0) return catalog;
  const streams = catalog.streams.filter(({ stream }) =>
    includesStream(clearing, streamId(stream)),
  );
  return { streams };
}

/** A sync that clears reads nothing. */
export function sourceFor(clearing: readonly StreamId[], opened: OpenedSource): OpenedSource {
  return clearing.length === 0 ? opened : { source: emptySource, config: {} };
}

/**
 * A state of all streams that the destination knew and Temporal did not (it was restored, or a first sync died before it could tell): the
 * refresh took no stream out of it, so the source would not read that stream from scratch, and the little that it reads would take the
 * place of everything. Answers why the sync must not begin; null: there is no such state.
 */
export function refuseForgotten(
  start: readonly Checkpoint[],
  attached: Attached,
  connection: string,
): SyncError | null {
  const kind = kindHeld(start);
  const shared = start.find(({ scope }) => scope === globalScope);
  if ((kind !== 'GLOBAL' && kind !== 'LEGACY') || shared === undefined) return null;
  const editions = new Map(start.map(({ scope, edition }) => [scope, edition]));
  const forgotten = (Object.keys(attached.minimumGenerations) as StreamId[]).filter((stream) => {
    if (stream === everyStream) return false;
    const edition = editions.get(stream) ?? 0;
    const isOlder = shared.epoch.syncNo < generationOf(stream, attached).generation;
    return isOlder && shared.edition < edition;
  });
  if (forgotten.length === 0) return null;
  return new SyncError(
    'config_error',
    'The destination holds a state of all streams that was not known when a stream was refreshed.',
    {
      origin: 'destination',
      place: forgotten.join(', '),
      remedy: `Refresh all streams: tidemark refresh ${connection} --all.`,
    },
  );
}
