import type { Checkpoint, ConnectionState, Scope, State } from '../protocol/index.ts';

/** How an edit's edition is found. `counted`: as it was once, for histories of that time only. */
export type EditionManner = 'by time' | 'counted';

/** The edition of an edit of these scopes. The time: it also wins over an edit that the destination took in and a restored Temporal has forgotten. */
export function nextEdition(
  { checkpoints }: ConnectionState,
  scopes: readonly Scope[],
  now: string,
  manner: EditionManner = 'by time',
): number {
  const next = Math.max(...scopes.map((scope) => (checkpoints[scope]?.edition ?? 0) + 1));
  return manner === 'counted' ? next : Math.max(next, Date.parse(now));
}

/** What a person sets a scope's state to, with nothing committed under it yet. Invariant 2. */
export function bareEdit(
  scope: Scope,
  edition: number,
  { state, exact }: { readonly state: State | null; readonly exact?: string },
  now: string,
): Checkpoint {
  return {
    scope,
    edition,
    epoch: { syncNo: 0, at: 0 },
    seq: 0,
    state,
    ...(exact !== undefined && { exact }),
    records: 0,
    bytes: 0,
    committedAt: now,
  };
}
