import {
  globalScope,
  SyncError,
  type Checkpoint,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';

/** What one transaction makes durable: parts, and the checkpoints that cover them. */
export interface Group<P extends SealedPart> {
  readonly parts: readonly P[];
  readonly at: readonly Checkpoint[];
}

/** Tidemark's own that a transaction may change: the checkpoints, and who owns which table. */
const ownTables = 2;

/**
 * A commit as transactions that change no more than `tablesMax` tables each. A stream's rows and checkpoints stay together; each transaction is a commit of
 * its own, as if the next had not been asked for yet. Invariant 1. A state of all streams needs one transaction for all of them.
 */
export function groupsOf<P extends SealedPart>(
  parts: readonly P[],
  at: readonly Checkpoint[],
  tablesMax: number | undefined,
): readonly Group<P>[] {
  const streamsMax = (tablesMax ?? Infinity) - ownTables;
  const streams = [...new Set([...parts, ...at].map(streamOf))];
  const changed = new Set(parts.map(({ stream }) => stream)).size;
  if (changed <= streamsMax) return [{ parts, at }];
  if (at.some(({ scope }) => scope === globalScope)) throw tooManyTables(changed, streamsMax);
  const groups: Group<P>[] = [];
  for (let from = 0; from < streams.length; from += streamsMax) {
    const some = new Set(streams.slice(from, from + streamsMax));
    const isOf = (one: P | Checkpoint): boolean => some.has(streamOf(one));
    groups.push({ parts: parts.filter(isOf), at: at.filter(isOf) });
  }
  return groups;
}

const streamOf = (one: SealedPart | Checkpoint): StreamId =>
  'scope' in one ? (one.scope as StreamId) : one.stream;

const tooManyTables = (changed: number, streamsMax: number): SyncError =>
  new SyncError('config_error', 'A commit would change more tables than a transaction may.', {
    origin: 'destination',
    remedy: `The source sends one state for all streams, so that one transaction must bring the rows of all that changed. Split the connection into some of ${streamsMax} streams at most.`,
    facts: { changed, streamsMax },
  });
