import { streamId, type JsonObject, type State } from '../../../protocol/index.ts';
import { streamState, type StreamItems } from '../../kit/read-streams.ts';
import type { LookBack } from '../../kit/tables-source/look-back.ts';
import { createPass } from '../../kit/tables-source/pass.ts';
import {
  parseTableState,
  type Bounds,
  type Place,
  type TableState,
} from '../../kit/tables-source/state.ts';
import { streamRows, warning, type StreamRead } from './rows.ts';
import { comparison, literalOf, orderBy, type Cursor, type Selection } from './selection.ts';

export type Following = Selection & { readonly cursor: Cursor };

/** What is new in a table by its cursor, in the cursor's order; up to the highest value that there is as it begins. */
export async function* followTable(
  read: StreamRead,
  selection: Following,
  { state, lookBack }: { readonly state: State | undefined; readonly lookBack: LookBack | null },
): StreamItems {
  const { stream } = read;
  const id = streamId(stream);
  const { cursor } = selection;
  const before = parseTableState(state?.stream?.stream_state, cursor.name, id);
  const place = before?.place ?? null;
  const known = before?.cursor ?? null;
  if (!cursor.isNotNull && (await hasNulls(read, selection)))
    yield warning(stream, `rows without a value in ${cursor.name}, its cursor, are not read.`);
  const bounds = before?.bounds ?? (await boundsNow(read, selection, lookBack));
  const fields = { version: 1, cursor_field: cursor.name } as const;
  if (bounds === null)
    return yield streamState(
      stream,
      { ...fields, cursor: known, place } as unknown as JsonObject,
      0,
    );

  const floor =
    before?.bounds === undefined && known !== null
      ? await lower(read, cursor, known, lookBack)
      : null;
  const near = bounds.near ?? null;
  const pass = createPass({ place, cursor: known, near });
  let keyTexts: readonly string[] = [];
  yield* streamRows(read, {
    sql: sqlOf(selection, { bounds, place, floor }, id),
    take([value, isNear, ...key], data) {
      keyTexts = key as string[];
      const isKeyed = key.length > 0;
      return pass.take({
        ...{ cursor: value!, data, isNear: isNear === '1' },
        key: () => (isKeyed ? keyTexts : null),
      });
    },
    state(): TableState | null {
      const at = pass.place();
      if (at === null) return null;
      const { upTo } = bounds;
      const kept = pass.keepsNear && near !== null ? { upTo, near } : { upTo };
      return { ...fields, cursor: pass.cursor, bounds: kept, place: at };
    },
    end: () => ({ ...fields, cursor: pass.cursor, place: pass.end() }),
  });
}

async function hasNulls({ session }: StreamRead, { from, cursor }: Following): Promise<boolean> {
  const rows = await session.query(`SELECT 1 FROM ${from} WHERE ${cursor.column} IS NULL LIMIT 1`);
  return rows.length > 0;
}

/** null: no row has a value. */
async function boundsNow(
  read: StreamRead,
  { from, cursor }: Following,
  lookBack: LookBack | null,
): Promise<Bounds | null> {
  const [row] = await read.session.query(
    `SELECT ${cursor.text(cursor.column)} FROM ${from} WHERE ${cursor.column} IS NOT NULL
     ORDER BY ${cursor.column} DESC LIMIT 1`,
  );
  const upTo = row?.[0] ?? null;
  if (upTo === null) return null;
  const near = await lower(read, cursor, upTo, lookBack);
  return near === null ? { upTo } : { upTo, near };
}

/** A value of the cursor, less the look-back; null: it has none of this kind. */
async function lower(
  { session, stream }: StreamRead,
  cursor: Cursor,
  value: string,
  lookBack: LookBack | null,
): Promise<string | null> {
  if (lookBack === null || lookBack.of !== cursor.of) return null;
  const amount = lookBack.of === 'time' ? String(lookBack.seconds) : lookBack.difference;
  const literal = literalOf(cursor, value, streamId(stream));
  const [row] = await session.query(`SELECT ${cursor.less(literal, amount)}`);
  // Below the first year there is none.
  return row?.[0] ?? null;
}

interface Stretch {
  readonly bounds: Bounds;
  readonly place: Place | null;
  /** Values from here on are looked at again; null: none. */
  readonly floor: string | null;
}

function sqlOf(selection: Following, stretch: Stretch, stream: string): string {
  const { cursor, key, json, zeros, from } = selection;
  const { bounds, place, floor } = stretch;
  const literal = (text: string): string => literalOf(cursor, text, stream);
  const near = bounds.near === undefined ? '0' : `${cursor.column} >= ${literal(bounds.near)}`;
  const fields = [
    ...[json, zeros, cursor.text(cursor.column), near],
    ...key.map(({ text, column }) => text(column)),
  ];
  const conditions = [`${cursor.column} <= ${literal(bounds.upTo)}`];
  if (place !== null && floor !== null) {
    const at = literal('since' in place ? place.since : place.after);
    conditions.push(`(${cursor.column} >= ${at} OR ${cursor.column} >= ${literal(floor)})`);
  } else if (place !== null) conditions.push(fromPlace(selection, place, stream));
  return `SELECT ${fields.join(', ')} FROM ${from} WHERE ${conditions.join(' AND ')}
    ORDER BY ${orderBy([cursor, ...key])}`;
}

function fromPlace({ cursor, key }: Following, place: Place, stream: string): string {
  const literal = (text: string): string => literalOf(cursor, text, stream);
  if ('since' in place) return `${cursor.column} >= ${literal(place.since)}`;
  const after = literal(place.after);
  // Another key than the one that the place was made by says nothing.
  if (place.key === undefined || place.key.length !== key.length || key.length === 0)
    return `${cursor.column} > ${after}`;
  const texts = place.key;
  const literals = key.map((one, i) => literalOf(one, texts[i]!, stream));
  return comparison([cursor, ...key], '>', [after, ...literals]);
}
