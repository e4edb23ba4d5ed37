import { globalScope, SyncError, type Checkpoint } from '../../../protocol/index.ts';
import type { Ready } from './commit.ts';

/** What one transaction makes durable. */
export interface Share {
  readonly parts: readonly Ready[];
  readonly at: readonly Checkpoint[];
}

/** Tidemark's own two, checkpoints and owners, are changed too. */
const ownTables = 2;

/**
 * All of a commit; where those are more tables than a transaction may change, some streams' rows and checkpoints at a time. Invariant 1: a stream's own go
 * together, and whoever opens next is told which were committed. A state of all streams goes with all rows, so it cannot be divided.
 */
export function sharesOf(all: Share, tablesMax: number | undefined): readonly Share[] {
  const streams = [...new Set(all.parts.map(({ stream }) => stream))];
  if (tablesMax === undefined || streams.length + ownTables <= tablesMax) return [all];
  if (all.at.some(({ scope }) => scope === globalScope)) throw tooMany(streams.length, tablesMax);
  const shares: Share[] = [];
  const size = tablesMax - ownTables;
  for (let first = 0; first < streams.length; first += size) {
    const some = new Set<string>(streams.slice(first, first + size));
    const rest = first === 0 ? all.at.filter(({ scope }) => !streams.some((s) => s === scope)) : [];
    shares.push({
      parts: all.parts.filter(({ stream }) => some.has(stream)),
      at: [...rest, ...all.at.filter(({ scope }) => some.has(scope))],
    });
  }
  return shares;
}

const tooMany = (streams: number, tablesMax: number): SyncError =>
  new SyncError(
    'config_error',
    'The source has one state for all streams, and more of them had records than a transaction of the destination may change tables.',
    {
      origin: 'destination',
      remedy: `Split the connection: no more than ${tablesMax - ownTables} streams each. Or let a batch be smaller with batch_max, if few streams change at a time.`,
      facts: { streams, tablesMax },
    },
  );
