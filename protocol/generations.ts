import { globalScope } from './state.ts';
import type { StreamId } from './stream.ts';
import type { ConnectionState } from './sync.ts';

/** In what is kept by stream: every stream that has no entry of its own. It is no stream's id: `*` is encoded in those. */
export const everyStream = globalScope as string as StreamId;

type Raised = Pick<ConnectionState, 'generations' | 'minimumGenerations'>;

/** What people's refreshes and clears have made of a stream: see ConnectionState. */
export function generationOf(
  stream: StreamId,
  { generations, minimumGenerations }: Raised,
): { readonly generation: number; readonly minimum: number } {
  const key = generations[stream] === undefined ? everyStream : stream;
  return { generation: generations[key] ?? 0, minimum: minimumGenerations[key] ?? 0 };
}

/** A refresh or clear of it has been asked for, and no sync has carried it out. */
export function isPending(stream: StreamId, { generations, minimumGenerations }: Raised): boolean {
  const key = generations[stream] === undefined ? everyStream : stream;
  return minimumGenerations[key] !== undefined;
}

/** What is still to be carried out once a sync has succeeded: it did the clear, if there was one, else everything. */
export function leftPending({
  minimumGenerations,
  clearing,
}: Pick<
  ConnectionState,
  'minimumGenerations' | 'clearing'
>): ConnectionState['minimumGenerations'] {
  const left = Object.entries(minimumGenerations).filter(
    ([stream]) => clearing.length > 0 && !includesStream(clearing, stream as StreamId),
  );
  return Object.fromEntries(left);
}

export function includesStream(streams: readonly StreamId[], stream: StreamId): boolean {
  return streams.includes(everyStream) || streams.includes(stream);
}

/** What the next syncs have yet to carry out; `everyStream` stands for all others. */
export interface PendingRefreshes {
  /** To be emptied, by a sync that reads nothing. */
  readonly cleared: readonly StreamId[];
  /** To be read from scratch; the new data takes the place of the old. */
  readonly replaced: readonly StreamId[];
  /** To be read from scratch; the old rows stay. */
  readonly kept: readonly StreamId[];
}

export function pendingRefreshes({
  minimumGenerations,
  clearing,
}: Pick<ConnectionState, 'minimumGenerations' | 'clearing'>): PendingRefreshes {
  const read = (Object.keys(minimumGenerations) as StreamId[]).filter(
    (stream) => !includesStream(clearing, stream),
  );
  return {
    cleared: clearing,
    replaced: read.filter((stream) => minimumGenerations[stream]! > 0),
    kept: read.filter((stream) => minimumGenerations[stream] === 0),
  };
}
