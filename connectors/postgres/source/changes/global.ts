import {
  isObject,
  streamId,
  type JsonObject,
  type StateMessage,
  type StreamDescriptor,
  type StreamId,
} from '../../../../protocol/index.ts';
import { refusalsOf } from '../../../kit/refuse-config.ts';
import {
  parsePart,
  parseShared,
  partText,
  sharedText,
  type SharedState,
  type StreamPart,
} from './state.ts';

/** How far a stream was read: its rows are there, or on their way (the state that the reading of tables has, and what that saw). */
export type StreamProgress =
  | { readonly type: 'there'; readonly part: StreamPart }
  | { readonly type: 'loading'; readonly load: JsonObject; readonly part: StreamPart };

export interface ChangesState {
  readonly shared: SharedState | null;
  readonly streams: ReadonlyMap<StreamId, StreamProgress>;
}

/** What the last state says; nothing of it: all is read from its start. */
export function parseChangesState(states: readonly StateMessage[]): ChangesState {
  const last = states.at(-1)?.state;
  if (last === undefined) return { shared: null, streams: new Map() };
  if (last.global === undefined)
    throw refusalsOf('source')(
      'The state is of tables that were not read by their changes.',
      `state of type ${last.type ?? 'LEGACY'}`,
      'Read the streams from their start: tidemark refresh <connection>. Or take cdc out of the config.',
    );
  const { shared_state: shared, stream_states: parts = [] } = last.global;
  const streams = parts.flatMap(({ stream_descriptor: descriptor, stream_state: state }) => {
    const progress = isObject(state) ? progressOf(state) : null;
    return progress === null ? [] : [[streamId(descriptor), progress] as const];
  });
  return { shared: parseShared(shared), streams: new Map(streams) };
}

function progressOf(state: JsonObject): StreamProgress | null {
  const { load } = state;
  const part = parsePart(state);
  if (part === null) return null;
  if (load === undefined) return { type: 'there', part };
  return isObject(load) ? { type: 'loading', load, part } : null;
}

/** `records`: since the state before it. */
export function changesState(
  shared: SharedState,
  streams: readonly {
    readonly descriptor: StreamDescriptor;
    readonly progress: StreamProgress | null;
  }[],
  records: number,
): StateMessage {
  const parts = streams.flatMap(({ descriptor, progress }) =>
    progress === null
      ? []
      : [{ stream_descriptor: descriptor, stream_state: textOf(progress, shared) }],
  );
  return {
    type: 'STATE',
    state: {
      type: 'GLOBAL',
      global: { shared_state: sharedText(shared), stream_states: parts },
      sourceStats: { recordCount: records },
    },
  };
}

function textOf(progress: StreamProgress, { lsn }: SharedState): JsonObject {
  const { part } = progress;
  if (progress.type === 'loading') return { ...partText(part), load: progress.load };
  // Nothing in the log is that old any more.
  return partText(part.seen !== null && part.seen.until <= lsn ? { seen: null } : part);
}
