import { isObject, stringOrNumber, type Json, type JsonObject } from './json.ts';
import { parseState, type State, type StateMessage } from './state.ts';
import { streamId, type StreamId } from './stream.ts';

// Only few look into such states, so this is not in index.ts.

type Held = Pick<StateMessage, 'state' | 'exact'>;

/** A GLOBAL state without a stream's own part: the source reads that stream from scratch, and the others go on. Its numbers stay exact. */
export function withoutStream({ state, exact }: Held, stream: StreamId): Held {
  const cut = state.global?.stream_states?.filter((one) => idOf(one) !== stream);
  if (cut === undefined) return { state, ...(exact !== undefined && { exact }) };
  if (exact === undefined)
    return { state: { ...state, global: { ...state.global, stream_states: cut } } as State };
  const edited = parseState(editedText(exact, stream));
  return { state: edited.state, ...(edited.exact !== undefined && { exact: edited.exact }) };
}

/** False: a source with this GLOBAL state reads the stream from scratch. */
export function hasPart({ global }: State, stream: StreamId): boolean {
  return global?.stream_states?.some((one) => idOf(one) === stream) === true;
}

function idOf(entry: unknown): StreamId | null {
  const descriptor = isObject(entry) ? entry['stream_descriptor'] : undefined;
  if (!isObject(descriptor) || typeof descriptor['name'] !== 'string') return null;
  const { namespace } = descriptor;
  const known = typeof namespace === 'string' ? { namespace } : {};
  return streamId({ name: descriptor['name'], ...known });
}

// Numbers travel through JSON.parse as texts with a mark; texts, also keys, get another, so that the two are told apart.
const numberMark = 'n';
const textMark = 't';

function editedText(text: string, stream: StreamId): string {
  const marked = text.replace(stringOrNumber, (token) =>
    token.startsWith('"') ? `"${textMark}${token.slice(1)}` : `"${numberMark}${token}"`,
  );
  const state = JSON.parse(marked) as JsonObject;
  const global = state[`${textMark}global`] as JsonObject;
  const key = `${textMark}stream_states`;
  const entries = global[key] as readonly Json[];
  const cut = entries.filter((entry) => idOf(JSON.parse(unmarked(entry))) !== stream);
  return unmarked({ ...state, [`${textMark}global`]: { ...global, [key]: cut } });
}

function unmarked(value: Json): string {
  return JSON.stringify(value).replace(stringOrNumber, (token) =>
    token.startsWith(`"${numberMark}`) ? token.slice(2, -1) : `"${token.slice(2)}`,
  );
}
