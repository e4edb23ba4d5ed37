import type { ConnectionSpec } from './connection.ts';
import { isPending } from './generations.ts';
import { streamId, type StreamId } from './stream.ts';
import type { ConnectionState, SyncSummary } from './sync.ts';

/** A stream with columns that it gained after rows of it were written: those rows hold NULL there. */
export interface UnfilledStream {
  readonly stream: StreamId;
  /** At most `unfilledColumnsMax`; `count` says how many there are. */
  readonly columns: readonly string[];
  readonly count: number;
  /** What becomes of its rows when it is read again on top of the old: by their key they take their place, or they are there twice. */
  readonly again: 'merges' | 'duplicates';
}

/** Names only, bounded. */
export interface UnfilledColumns {
  /** At most `unfilledStreamsMax`; `streamCount` says how many there are. */
  readonly streams: readonly UnfilledStream[];
  readonly streamCount: number;
}

export const unfilledStreamsMax = 20;
export const unfilledColumnsMax = 5;

/** A column counts as filled only once the sync that reads its stream again has succeeded: so the last one that looked and did not tells it. */
export function unfilledSince(history: readonly SyncSummary[]): UnfilledColumns | null {
  const looked = history.findLast(
    ({ unfilled, outcome }) => unfilled !== undefined || outcome === 'succeeded',
  );
  return looked?.unfilled ?? null;
}

/** What can be done for each of the streams. */
export interface Fillable {
  /** To be read again from scratch, on top of the old rows. */
  readonly merging: readonly UnfilledStream[];
  /** The same would double their rows. */
  readonly duplicating: readonly UnfilledStream[];
  /** The next sync reads them again anyway. */
  readonly pending: readonly UnfilledStream[];
}

export function fillable(
  state: Pick<ConnectionState, 'spec' | 'generations' | 'minimumGenerations'>,
  { streams }: UnfilledColumns,
): Fillable {
  const waiting = streams.filter(({ stream }) => !isPending(stream, state));
  const merges = (one: UnfilledStream): boolean =>
    one.again === 'merges' && staysMerging(state.spec, one.stream);
  return {
    merging: waiting.filter(merges),
    duplicating: waiting.filter((one) => !merges(one)),
    pending: streams.filter(({ stream }) => isPending(stream, state)),
  };
}

/** False where the connection was told otherwise since the sync that found the columns. */
function staysMerging({ streams }: ConnectionSpec, stream: StreamId): boolean {
  const selection = streams?.find((one) => streamId(one) === stream);
  return (selection?.destination_sync_mode ?? 'append_dedup') === 'append_dedup';
}

/** One line for each stream, below a title. */
export function unfilledText({ streams, streamCount }: UnfilledColumns): readonly string[] {
  const more = streamCount - streams.length;
  return [
    'columns that are NULL in rows written before they came (tidemark schema backfill):',
    ...streams.map(({ stream, columns, count }) => {
      const rest = count - columns.length;
      return `  ${stream}: ${columns.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
    }),
    ...(more > 0 ? [`  … and in ${more} more streams`] : []),
  ];
}
