import type { Load, Range } from './load-state.ts';

/** Of a table of which nothing is known yet, pages. */
const firstPages = 16;

/** Of a range, what one session reads at once. */
export interface Piece {
  readonly range: Range;
  /** The range ends with it. */
  readonly isLast: boolean;
}

export interface Pieces {
  next(): Piece | null;
  /** It came to so many bytes of records. */
  came(piece: Piece, bytes: number): void;
}

/**
 * Cuts a load's ranges into pieces that come to about so many bytes, as those before tell: several sessions are busy at once only if a whole piece
 * has room where it waits for its turn. null: a range is one piece.
 */
export function createPieces(load: Load, bytesWanted: number | null): Pieces {
  let pages = bytesWanted === null ? Infinity : firstPages;
  let rest: Range | null = null;
  return {
    next() {
      const range = rest ?? load.next();
      if (range === null) return null;
      const to = Math.min(range.to, range.from + pages);
      const isLast = to === range.to;
      rest = isLast ? null : { ...range, from: to };
      return { range: { ...range, to }, isLast };
    },
    came({ range: { from, to } }, bytes) {
      if (bytesWanted === null) return;
      const fitting = ((to - from) * bytesWanted) / Math.max(1, bytes);
      // A few empty pages say little of those that follow.
      pages = Math.max(1, Math.round(Math.min(fitting, pages * 2)));
    },
  };
}
