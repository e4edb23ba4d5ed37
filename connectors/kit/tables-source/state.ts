import { isObject, type Json, type JsonObject } from '../../../protocol/index.ts';
import { refusalsOf } from '../refuse-config.ts';

/**
 * How far a stream was read in the order of its cursor. Values are the texts in which the system itself writes them, so that nothing of them
 * is lost.
 *
 * `since`, `sent`: all below `since` was sent; of the rows from there on those with these hashes were, and no others. A row with the same value
 * that comes later is found, and none is sent twice. `after`: all up to this value was sent; with `key`, at this value all up to this key. What
 * comes later below that is not found.
 */
export type Place =
  | { readonly since: string; readonly sent: readonly string[] }
  | { readonly after: string; readonly key?: readonly string[] };

/** Reading in the order of the cursor, up to a value that was the highest when it began. */
export interface Bounds {
  readonly upTo: string;
  /** With a look-back: hashes of rows from this value on are kept. Absent: there were too many, or there is no look-back. */
  readonly near?: string;
}

/**
 * The state of a stream of a database. `load`: how far it was read in the order in which it is stored; its shape is the system's own.
 * With a cursor: once the load is over, `place` says how far the stream was read, and `bounds` that this reading is not at its end.
 */
export interface TableState {
  readonly version: 1;
  readonly cursor_field?: string;
  /** The highest value that was read; null: none. */
  readonly cursor?: string | null;
  readonly bounds?: Bounds;
  readonly load?: JsonObject;
  /** null: no row had a value in its cursor. Absent: the load is not over. */
  readonly place?: Place | null;
}

/** `field`: the cursor; null: the stream is read in full. */
export function parseTableState(
  state: Json | undefined,
  field: string | null,
  stream: string,
): TableState | null {
  if (state === null || state === undefined) return null;
  const refuse = (message: string): Error =>
    refusalsOf('source')(
      message,
      `stream ${stream}`,
      'Read it from its start: tidemark refresh <connection> with this stream.',
      stream,
    );
  if (!isTableState(state))
    throw refuse('The state of a stream is not one of this kind of source.');
  const before = state.cursor_field ?? null;
  if (before === field) return state;
  throw refuse(
    field === null || before === null
      ? 'A stream that was read in another sync mode cannot go on in this one.'
      : 'A stream that was read by another cursor cannot go on by this one.',
  );
}

function isTableState(value: Json): value is TableState & JsonObject {
  if (!isObject(value) || value['version'] !== 1) return false;
  const { cursor_field: field, cursor, bounds, load, place } = value;
  return (
    (field === undefined || typeof field === 'string') &&
    (cursor === undefined || cursor === null || typeof cursor === 'string') &&
    (bounds === undefined || isBounds(bounds)) &&
    (load === undefined || isObject(load)) &&
    (place === undefined || place === null || isPlace(place)) &&
    (load !== undefined || place !== undefined)
  );
}

function isBounds(value: Json): boolean {
  if (!isObject(value)) return false;
  const { upTo, near } = value;
  return typeof upTo === 'string' && (near === undefined || typeof near === 'string');
}

function isPlace(value: Json): boolean {
  if (!isObject(value)) return false;
  const { since, sent, after, key } = value;
  if (typeof since === 'string') return isTexts(sent);
  return typeof after === 'string' && (key === undefined || isTexts(key));
}

const isTexts = (value: Json | undefined): boolean =>
  Array.isArray(value) && (value as readonly Json[]).every((one) => typeof one === 'string');
