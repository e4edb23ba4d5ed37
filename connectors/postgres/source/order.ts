import { quoteLiteral } from '../../kit/identifiers.ts';
import type { LookBack } from '../../kit/tables-source/look-back.ts';
import type { Bounds, Place } from '../../kit/tables-source/state.ts';
import type { Session } from '../session.ts';
import { fromSql, relationSql, type Cursor, type Selection } from './selection.ts';

export const literal = ({ sql }: Cursor, text: string): string => `${quoteLiteral(text)}::${sql}`;

/** A value of the cursor, as an expression, less the look-back; null: it has none of this kind. */
function lower(cursor: Cursor, value: string, lookBack: LookBack | null): string | null {
  if (lookBack === null || lookBack.of !== cursor.of || cursor.less === null) return null;
  const amount = lookBack.of === 'time' ? String(lookBack.seconds) : lookBack.difference;
  return cursor.less(value, amount);
}

/** The highest value that there is now; null: no row has one. */
export async function highest(
  session: Session,
  { relation, cursor }: Selection & { readonly cursor: Cursor },
): Promise<string | null> {
  const { rows } = await session.query(
    `SELECT ${cursor.text(cursor.column)} AS value FROM ${fromSql(relationSql(relation))}
     WHERE ${cursor.placed} ORDER BY ${cursor.column} DESC LIMIT 1`,
  );
  return (rows[0]?.['value'] as string | undefined) ?? null;
}

/** Bounds at the highest of these values; with a look-back, hashes are kept from so far below it on. */
export async function boundsUpTo(
  session: Session,
  cursor: Cursor,
  values: readonly (string | null)[],
  lookBack: LookBack | null,
): Promise<Bounds> {
  const given = values.flatMap((value) => (value === null ? [] : [literal(cursor, value)]));
  const top = `GREATEST(${given.join(', ')})`;
  const { rows } = await session.query(
    `SELECT ${cursor.text('v')} AS "upTo", ${lower(cursor, 'v', lookBack) ?? 'NULL'}::text AS near FROM (SELECT ${top} AS v) AS t`,
  );
  const { upTo, near } = rows[0] as { upTo: string; near: string | null };
  return { upTo, ...(near !== null && { near }) };
}

export interface Stretch {
  readonly place: Place | null;
  readonly bounds: Bounds;
  /** Values from so far below this one are looked at again; null: none. */
  readonly again: { readonly below: string; readonly lookBack: LookBack } | null;
}

/** Rows from a place up to a bound, in order; each with its JSON, its cursor, whether it is near the bound, and its key's columns. */
export function stretchSql(
  { relation, json, cursor, key }: Selection & { readonly cursor: Cursor },
  { place, bounds, again }: Stretch,
): string {
  const order = [cursor.column, ...key].join(', ');
  const near =
    bounds.near === undefined ? 'false' : `${cursor.column} >= ${literal(cursor, bounds.near)}`;
  const fields = [json, cursor.text(cursor.column), near, ...key.map((one) => `${one}::text`)];
  const conditions = [
    cursor.placed,
    `${cursor.column} <= ${literal(cursor, bounds.upTo)}`,
    ...fromPlace(cursor, key, place, again),
  ];
  return `SELECT ${fields.join(', ')} FROM ${fromSql(relationSql(relation))}
    WHERE ${conditions.join(' AND ')} ORDER BY ${order}`;
}

function fromPlace(
  cursor: Cursor,
  key: readonly string[],
  place: Place | null,
  again: Stretch['again'],
): readonly string[] {
  if (place === null) return [];
  const { column } = cursor;
  const floor = again === null ? null : lower(cursor, literal(cursor, again.below), again.lookBack);
  const from = literal(cursor, 'since' in place ? place.since : place.after);
  if (floor !== null) return [`${column} >= LEAST(${from}, ${floor})`];
  if ('since' in place) return [`${column} >= ${from}`];
  const values = place.key?.map(quoteLiteral) ?? [];
  // Another key than the one that the place was made by says nothing.
  const isKeyed = values.length > 0 && values.length === key.length;
  return isKeyed
    ? [`(${column}, ${key.join(', ')}) > (${from}, ${values.join(', ')})`]
    : [`${column} > ${from}`];
}
