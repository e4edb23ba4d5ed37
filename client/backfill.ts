import {
  fillable,
  SyncError,
  unfilledSince,
  type ConnectionState,
  type StreamId,
  type UnfilledColumns,
  type UnfilledStream,
} from '../protocol/index.ts';
import { refreshConnection, stateOf, type Room } from './connections.ts';
import type { WaitOptions } from './queues.ts';

/** What a person's wish for old values in new columns came to. */
export interface Backfill {
  /** To be read again from scratch by the next sync; the rows merge by their key. */
  readonly marked: readonly UnfilledStream[];
  /** Marked before. */
  readonly pending: readonly UnfilledStream[];
  /** Left alone: read again on top, their rows would be there twice. */
  readonly duplicating: readonly UnfilledStream[];
}

/** `streams` null: whichever have such columns. Nothing is marked where it throws. */
export async function backfillConnection(
  room: Room,
  name: string,
  streams: readonly StreamId[] | null,
  options: WaitOptions,
): Promise<Backfill> {
  const state = await stateOf(room, name);
  const unfilled = meant(state, streams);
  const { merging, duplicating, pending } = fillable(state, unfilled);
  const isRefused = streams !== null || merging.length + pending.length === 0;
  if (duplicating.length > 0 && isRefused) throw wouldDuplicate(name, duplicating);
  if (merging.length > 0) {
    const marked = merging.map(({ stream }) => stream);
    const request = {
      streams: marked,
      manner: 'keep',
      reason: 'tidemark schema backfill',
    } as const;
    await refreshConnection(room, name, request, options);
  }
  return { marked: merging, pending, duplicating };
}

function meant(
  { spec, history }: ConnectionState,
  streams: readonly StreamId[] | null,
): UnfilledColumns {
  const unfilled = unfilledSince(history) ?? { streams: [], streamCount: 0 };
  const known = unfilled.streams.map(({ stream }) => stream);
  const unknown = streams?.filter((stream) => !known.includes(stream)) ?? [];
  if (unfilled.streamCount > 0 && unknown.length === 0)
    return {
      ...unfilled,
      streams: unfilled.streams.filter(({ stream }) => streams?.includes(stream) ?? true),
    };
  const places = unknown.length > 0 ? unknown.join(', ') : spec.name;
  throw new SyncError('config_error', 'No column is known that old rows lack.', {
    origin: 'tidemark',
    place: places,
    remedy: `New columns are found by a sync: tidemark sync ${spec.name}. To read a stream again anyway: tidemark refresh ${spec.name} <stream>.`,
  });
}

function wouldDuplicate(name: string, streams: readonly UnfilledStream[]): SyncError {
  const ids = streams.map(({ stream }) => stream);
  return new SyncError(
    'config_error',
    'Rows that are read again would not merge with the old ones, but be there twice.',
    {
      origin: 'tidemark',
      place: ids.join(', '),
      remedy: `Have the new rows take the place of the old: tidemark refresh ${name} ${ids.join(' ')}.`,
    },
  );
}
