import {
  compareCheckpoints,
  stateText,
  type Checkpoint,
  type Scope,
  type StreamId,
} from '../protocol/index.ts';

const shownCharsMax = 200;
const shownScopesMax = 20;

/** The destination's own checkpoints decide; a notice when Temporal's were ahead of them in the same edition. */
export function compareWithHeld(
  attached: readonly Checkpoint[],
  held: readonly Checkpoint[],
): string | null {
  const byScope = new Map<Scope, Checkpoint>(
    held.map((checkpoint) => [checkpoint.scope, checkpoint]),
  );
  const behind = attached.filter((checkpoint) => {
    const own = byScope.get(checkpoint.scope);
    if (own === undefined || own.edition !== checkpoint.edition) return false;
    return compareCheckpoints(checkpoint, own) > 0;
  });
  if (behind.length === 0) return null;
  const scopes = behind.slice(0, 5).map(({ scope }) => scope);
  const more = behind.length > scopes.length ? ', …' : '';
  // Invariant 2: followed back, loudly.
  return `The destination is behind what Temporal holds (${scopes.join(', ')}${more}): was it restored from a backup? Following it.`;
}

/** For people: scope to state text. */
export function resumedFrom(start: readonly Checkpoint[]): Readonly<Record<string, string>> {
  const held = start.filter(({ state }) => state !== null).slice(0, shownScopesMax);
  return Object.fromEntries(
    held.map((checkpoint) => [checkpoint.scope, stateText(checkpoint).slice(0, shownCharsMax)]),
  );
}

export function sameStreams(a: ReadonlySet<StreamId>, b: ReadonlySet<StreamId>): boolean {
  return a.size === b.size && [...a].every((id) => b.has(id));
}
