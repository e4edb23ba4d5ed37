import { createHash } from 'node:crypto';
import type { Place } from './state.ts';

/**
 * Rows of one value (with a look-back: of its whole range) whose hashes a state keeps, some 14 bytes each. Where there are more, it keeps the last
 * value and key instead: what comes later below them is found by a look-back only.
 */
export const hashesMax = 2_000;

/** A row as it comes in the order of its cursor and, within a value, of its key. */
export interface PassRow {
  /** The cursor's value, as the system writes it. Values that are equal there must have equal texts. */
  readonly cursor: string;
  /** The row as it is sent: rows of the same bytes are the same. */
  readonly data: Uint8Array;
  /** Within the look-back of the highest value. */
  readonly isNear: boolean;
  /** Values of the primary key, as the system writes them; null: the stream has none. Asked for until the next row comes. */
  key(): readonly string[] | null;
}

/** Reads rows in the order of their cursor, and knows at each of them how far that is. */
export interface Pass {
  /** Takes the next row. False: it was sent before. */
  take(row: PassRow): boolean;
  /** How far it is; null: no state can say so here. Repeatable until the next row. */
  place(): Place | null;
  /** When there are no more rows: what the next reading begins at. */
  end(): Place | null;
  /** Of the last row; else what it began with. */
  readonly cursor: string | null;
  /** Hashes of rows within the look-back are kept: no more than `hashesMax` came so far. */
  readonly keepsNear: boolean;
}

export interface PassStart {
  /** null: nothing was read. */
  readonly place: Place | null;
  readonly cursor: string | null;
  /** From which value on hashes are kept; null: only those of the last value are. */
  readonly near: string | null;
}

/** Nothing that a place covers is sent again, nothing that it does not cover is left out. Invariants 1 and 8. */
export function createPass(start: PassStart): Pass {
  const sent = countsOf(start.place);
  const unknown = start.place !== null && 'after' in start.place ? start.place.after : null;
  let near: string[] | null = start.near === null ? null : [];
  let ties: string[] | null = [];
  let last: PassRow | null = null;

  function leaveOut(hash: string): boolean {
    const count = sent.get(hash);
    if (count === undefined) return false;
    if (count === 1) sent.delete(hash);
    else sent.set(hash, count - 1);
    return true;
  }

  /** `left`: hashes of rows that were sent before and did not come yet. */
  function placeWith(left: readonly string[]): Place | null {
    if (last === null) return start.place;
    if (near !== null && last.isNear) return { since: start.near!, sent: [...near, ...left] };
    if (ties !== null) return { since: last.cursor, sent: [...ties, ...left] };
    const key = last.key();
    // A key does not tell them from those that were never sent.
    return key === null || left.length > 0 ? null : { after: last.cursor, key };
  }

  return {
    take(row) {
      const hash = hashOf(row.data);
      // Of the value after which it goes on, those that were sent before are not known.
      if (row.cursor !== last?.cursor) ties = row.cursor === unknown ? null : [];
      ties = withHash(ties, hash);
      if (row.isNear) near = withHash(near, hash);
      last = row;
      return !leaveOut(hash);
    },
    place: () => placeWith([...sent].flatMap(([hash, count]) => Array<string>(count).fill(hash))),
    // What did not come by now is gone.
    end: () => placeWith([]) ?? { after: last!.cursor },
    get cursor() {
      return last?.cursor ?? start.cursor;
    },
    get keepsNear() {
      return near !== null;
    },
  };
}

/** Rows may be the same: a hash counts as often as it was sent. */
function countsOf(place: Place | null): Map<string, number> {
  const counts = new Map<string, number>();
  if (place === null || !('since' in place)) return counts;
  for (const hash of place.sent) counts.set(hash, (counts.get(hash) ?? 0) + 1);
  return counts;
}

/** Invariant 7. */
function withHash(hashes: string[] | null, hash: string): string[] | null {
  if (hashes === null || hashes.length === hashesMax) return null;
  hashes.push(hash);
  return hashes;
}

/** 64 bits: two of a few thousand rows that differ have the same once in 10 million million. */
export function hashOf(data: Uint8Array): string {
  return createHash('sha1').update(data).digest('base64url').slice(0, 11);
}
