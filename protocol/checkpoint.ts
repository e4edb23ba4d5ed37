import { SyncError } from './errors.ts';
import {
  globalScope,
  isReset,
  kindOf,
  type Scope,
  type State,
  type StateKind,
  type StateMessage,
} from './state.ts';
import type { StreamId } from './stream.ts';

/** A writer's rank, for fencing: the sync's number, then when its attempt was scheduled (epoch ms). Supplied by the caller, never counted up. */
export interface Epoch {
  readonly syncNo: number;
  readonly at: number;
}

export function compareEpochs(a: Epoch, b: Epoch): number {
  return a.syncNo - b.syncNo || a.at - b.at;
}

export interface Counts {
  readonly records: number;
  /** Bytes of the records as received. */
  readonly bytes: number;
}

/**
 * A committed state with its counts. `records` and `bytes` are what this scope committed in the sync `epoch.syncNo` up to here
 * (cumulative over its attempts). `state` null: the scope holds no cursor (a completed stream that sent no state, or a person's reset).
 */
export interface Checkpoint extends Counts {
  readonly scope: Scope;
  /** Of the last edit of this scope's state by a person: its time (epoch ms), or one more than the edition before. 0: never edited. */
  readonly edition: number;
  readonly epoch: Epoch;
  /** Rank within the epoch. 0: a bare edit, nothing committed under it yet. */
  readonly seq: number;
  readonly state: State | null;
  /** The state's exact text, where parsing would change it; see StateMessage. */
  readonly exact?: string;
  /** The state is too large to be shown here, and `state` is null: its size as JSON. Only in what a sync workflow is told. */
  readonly stateBytes?: number;
  /** The stream said COMPLETE in the sync `epoch.syncNo` and all its records are covered: its retries leave it out. */
  readonly complete?: true;
  /** Per stream, for scope `*` only. */
  readonly byStream?: Readonly<Record<StreamId, Counts>>;
  /** ISO 8601, by the committing writer's clock. */
  readonly committedAt: string;
}

/** The checkpoints of a connection by scope. */
export type Checkpoints = Readonly<Record<Scope, Checkpoint>>;

/** The total order of a scope's checkpoints: (edition, epoch, seq). */
export function compareCheckpoints(a: Checkpoint, b: Checkpoint): number {
  return a.edition - b.edition || compareEpochs(a.epoch, b.epoch) || a.seq - b.seq;
}

/** Merges by scope; the newer wins, so the order of merging does not matter. Invariant 2. */
export function mergeCheckpoints(known: Checkpoints, news: readonly Checkpoint[]): Checkpoints {
  const merged: Record<Scope, Checkpoint> = { ...known };
  for (const checkpoint of news) {
    const old = merged[checkpoint.scope];
    if (old === undefined || compareCheckpoints(checkpoint, old) > 0)
      merged[checkpoint.scope] = checkpoint;
  }
  return merged;
}

/**
 * Streams that this sync has finished: left out of the catalogs of its retries. Under a state that covers all streams the incremental ones stay:
 * without them it would pass over what has changed in them since.
 */
export function completedStreams(
  checkpoints: readonly Checkpoint[],
  syncNo: number,
  incremental: ReadonlySet<StreamId>,
): ReadonlySet<StreamId> {
  const kind = kindHeld(checkpoints);
  const isShared = kind === 'GLOBAL' || kind === 'LEGACY';
  return new Set(
    checkpoints.flatMap(({ scope, complete, epoch }) => {
      if (complete !== true || epoch.syncNo !== syncNo || scope === globalScope) return [];
      return isShared && incremental.has(scope) ? [] : [scope];
    }),
  );
}

export function checkpointsOf(list: readonly Checkpoint[]): Checkpoints {
  return mergeCheckpoints({} as Checkpoints, list);
}

/** The kind of state that these checkpoints hold; undefined when none holds one. STREAM beside LEGACY is a migrated source: STREAM. */
export function kindHeld(checkpoints: readonly Checkpoint[]): StateKind | undefined {
  const kinds = new Set(checkpoints.flatMap((c) => (c.state === null ? [] : [kindOf(c.state)])));
  if (kinds.has('GLOBAL')) return 'GLOBAL';
  if (kinds.has('STREAM')) return 'STREAM';
  return kinds.has('LEGACY') ? 'LEGACY' : undefined;
}

/** Refuses a change of kind between syncs other than LEGACY to a typed one. */
export function checkKindChange(held: StateKind | undefined, next: StateKind): void {
  if (held === undefined || held === next || held === 'LEGACY') return;
  throw new SyncError(
    'config_error',
    `The source now sends ${next} states, but its checkpoints are ${held} states.`,
    {
      origin: 'source',
      remedy:
        'Reset the connection (tidemark state reset <connection>), then sync again from the start.',
      facts: { held, next },
    },
  );
}

/** What a source is given to start from. */
export interface StartFrom {
  readonly checkpoints: readonly Checkpoint[];
  readonly syncNo: number;
  /** Streams read in full: their states count only within the sync that made them. */
  readonly fullRefresh: ReadonlySet<StreamId>;
}

/** The state array for `--state`: one element per stream, or one GLOBAL, or one LEGACY; empty: from scratch. */
export function statesForSource({
  checkpoints,
  syncNo,
  fullRefresh,
}: StartFrom): readonly StateMessage[] {
  const kind = kindHeld(checkpoints);
  return checkpoints
    .filter((c) => c.state !== null && kindOf(c.state) === kind && !isReset(c.state))
    .filter(
      (c) => c.scope === globalScope || !fullRefresh.has(c.scope) || c.epoch.syncNo === syncNo,
    )
    .map((c) => ({
      type: 'STATE',
      state: c.state!,
      ...(c.exact !== undefined && { exact: c.exact }),
    }));
}
