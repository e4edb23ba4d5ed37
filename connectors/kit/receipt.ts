import type { Receipt, SealedPart, StreamId } from '../../protocol/index.ts';

/** Rows of one stream that a commit wrote; a stream may have several. */
export interface Written {
  readonly stream: StreamId;
  readonly rows: number;
  readonly nulled: number;
}

/** Every stream of the commit is in it, also one whose parts were empty. */
export function receipt(parts: readonly SealedPart[], written: readonly Written[]): Receipt {
  const rows: Record<StreamId, number> = {};
  const nulled: Record<StreamId, number> = {};
  for (const { stream } of parts) {
    rows[stream] = 0;
    nulled[stream] = 0;
  }
  for (const one of written) {
    rows[one.stream]! += one.rows;
    nulled[one.stream]! += one.nulled;
  }
  return { rows, nulled };
}
