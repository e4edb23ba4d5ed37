import { globalScope, type Scope } from './state.ts';
import type { Progress } from './sync.ts';

/** What of a scope's committed records did not arrive as it was sent; over all attempts of a sync. */
export interface Losses {
  /** Values that became NULL. */
  readonly nulled: number;
  /** Records that the destination turned away. */
  readonly rejected: number;
}

/** By scope; those that lost nothing are left out. */
export type LossesByScope = Readonly<Partial<Record<Scope, Losses>>>;

/** What an attempt has told. Of the streams that it lists: the most recently active ones. */
export function lossesOf({ streams, rejected = 0 }: Progress): LossesByScope {
  const listed = streams
    .filter((one) => one.nulled > 0 || (one.rejected ?? 0) > 0)
    .map((one) => [one.stream, { nulled: one.nulled, rejected: one.rejected ?? 0 }] as const);
  const shared = rejected - listed.reduce((sum, [, one]) => sum + one.rejected, 0);
  return Object.fromEntries([
    ...listed,
    // Of states that cover all streams nobody knows whose.
    ...(shared > 0 ? [[globalScope, { nulled: 0, rejected: shared }] as const] : []),
  ]);
}
