import {
  asSyncError,
  type ConnectorSpecification,
  type Echo,
  type End,
  type JsonObject,
  type Receipt,
  type Scope,
  type SyncError,
  type WriteInput,
} from '../../protocol/index.ts';
import type { Echoes } from '../../engine/echoes.ts';
import type { Latch } from '../../engine/latch.ts';
import type { Covered, Scopes } from '../../engine/scopes.ts';
import type { Feed } from './feed.ts';
import type { Landed } from './landed.ts';
import type { Session, SessionOptions } from './session.ts';
import type { Verdict } from './verdict.ts';

export interface WriteOptions extends SessionOptions {
  readonly spec: ConnectorSpecification;
}

/** One run of `write`. */
export interface Writing {
  readonly options: WriteOptions;
  readonly input: WriteInput<JsonObject>;
  readonly landed: Landed;
  readonly scopes: Scopes;
  readonly echoes: Echoes;
  readonly verdict: Verdict;
  readonly session: Session;
  readonly feed: Feed;
  /** Aborted: nothing more is fed, since the destination takes no more or said that it failed. */
  readonly over: AbortController;
  /** Checkpoints on their way out. */
  readonly made: Echo[];
  /** Records that it turned away, of states that have not become checkpoints yet. */
  readonly rejected: Map<Scope, number>;
  readonly latch: Latch;
  /** Echoed, and a checkpoint only once all streams that replace their data are complete: a state of all streams. */
  heldBack: Covered | null;
  /** How the source ended; null: it has not. */
  end: End | null;
  /** What we found wrong: the source's word broken, counts that disagree. The first stands. */
  failure: SyncError | null;
}

/** The first failure stands; nothing more is fed after it. */
export function fail(writing: Writing, error: unknown): void {
  writing.failure ??= asSyncError(error, 'destination');
  writing.over.abort();
}

/** The destination says itself what it counts, state by state. */
function receiptOf({ rejected }: Writing, { scope }: Covered): Receipt {
  const turnedAway = rejected.get(scope);
  rejected.delete(scope);
  return {
    ...{ rows: {}, nulled: {} },
    ...(turnedAway !== undefined && { rejected: { [scope]: turnedAway } }),
  };
}

/** What a state that came back, or is complete, amounts to. Invariant 1: only what is durable gets here. */
export function echoOf(writing: Writing, covered: Covered): Echo {
  const checkpoint = writing.scopes.checkpoint(covered, new Date().toISOString());
  return { state: covered.message, checkpoint, receipt: receiptOf(writing, covered) };
}
