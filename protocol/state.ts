import { SyncError } from './errors.ts';
import { isObject, parsesExactly, type Json, type JsonObject } from './json.ts';
import { streamId, type StreamDescriptor, type StreamId } from './stream.ts';

export type StateKind = 'STREAM' | 'GLOBAL' | 'LEGACY';

export interface StreamState {
  readonly stream_descriptor: StreamDescriptor;
  /** Opaque to everyone but the source. null or absent: reset. */
  readonly stream_state?: Json;
}

/** Counts since the previous state of the same scope; doubles on the wire. */
export interface StateStats {
  readonly recordCount?: number;
  readonly rejectedRecordCount?: number;
}

/** The `state` object as the source wrote it, unknown properties kept. Missing `type` means LEGACY. */
export interface State {
  readonly type?: StateKind;
  readonly stream?: StreamState;
  readonly global?: {
    readonly shared_state?: Json;
    readonly stream_states?: readonly StreamState[];
  };
  readonly data?: Json;
  readonly sourceStats?: StateStats;
  readonly destinationStats?: StateStats;
  readonly [key: string]: unknown;
}

/**
 * A state's envelope. `exact` is the JSON text of `state`, present only where parsing would change a number (ids past 2^53, `1.0`):
 * a state is a black box, so whoever stores it or hands it back uses `stateText`.
 */
export interface StateMessage {
  readonly type: 'STATE';
  readonly state: State;
  readonly exact?: string;
}

/** What a state covers: one stream, or everything. (`stream#range` is reserved for ranges of a stream.) */
export type Scope = StreamId | typeof globalScope;
export const globalScope = '*';

/** Parses the JSON text of a `state` object. Throws a source SyncError when it is not one. */
export function parseState(text: string): StateMessage {
  let state: unknown;
  try {
    state = JSON.parse(text);
  } catch (cause) {
    throw brokenState('The source sent a STATE that is not valid JSON.', cause);
  }
  return stateMessage(state, text);
}

/** A StateMessage from a parsed `state` object and the text it came from. */
export function stateMessage(state: unknown, text: string): StateMessage {
  if (!isObject(state)) throw brokenState('The source sent a STATE without a state object.');
  const message: StateMessage = parsesExactly(text)
    ? { type: 'STATE', state: state as State }
    : { type: 'STATE', state: state as State, exact: text };
  scopeOf(message.state);
  return message;
}

function brokenState(message: string, cause?: unknown): SyncError {
  return new SyncError('system_error', message, {
    origin: 'source',
    remedy: 'Report it to the connector; its state cannot be used.',
    ...(cause !== undefined && { cause }),
  });
}

/** The state's JSON text, exactly as the source meant it. */
export function stateText(message: {
  readonly state: State | null;
  readonly exact?: string;
}): string {
  return message.exact ?? JSON.stringify(message.state);
}

export function kindOf(state: State): StateKind {
  return state.type ?? 'LEGACY';
}

export function scopeOf(state: State): Scope {
  switch (kindOf(state)) {
    case 'STREAM': {
      const name = state.stream?.stream_descriptor?.name;
      if (typeof name !== 'string')
        throw brokenState('The source sent a STREAM state without a stream_descriptor.');
      return streamId(state.stream!.stream_descriptor);
    }
    case 'GLOBAL':
      if (!isObject(state.global))
        throw brokenState('The source sent a GLOBAL state without its global part.');
      return globalScope;
    case 'LEGACY':
      return globalScope;
    default:
      throw brokenState('The source sent a STATE of unknown type.');
  }
}

/** True when the state says "start from scratch". */
export function isReset(state: State): boolean {
  switch (kindOf(state)) {
    case 'STREAM':
      return (state.stream?.stream_state ?? null) === null;
    case 'LEGACY':
      return (state.data ?? null) === null;
    case 'GLOBAL':
      return false;
  }
}

/** The number of records the source says it sent since the scope's previous state, or undefined. */
export function sourceCount(state: State): number | undefined {
  const count = (state.sourceStats as JsonObject | undefined)?.['recordCount'];
  return typeof count === 'number' ? count : undefined;
}
