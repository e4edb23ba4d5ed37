import {
  checkKindChange,
  globalScope,
  kindHeld,
  kindOf,
  scopeOf,
  sourceCount,
  SyncError,
  type Checkpoint,
  type Counts,
  type Epoch,
  type Scope,
  type StateKind,
  type StateMessage,
  type StreamId,
} from '../protocol/index.ts';
import { shownState } from './shown-state.ts';

/** A GLOBAL checkpoint lists its streams only up to this many. */
const byStreamMax = 1_000;

/** A state as it came, with what it covers: a checkpoint once that is durable. */
export interface Covered {
  readonly scope: Scope;
  /** null: the stream is complete and sent none. */
  readonly message: StateMessage | null;
  readonly complete: boolean;
  readonly seq: number;
  readonly counts: Counts;
  readonly byStream: Readonly<Record<StreamId, Counts>> | null;
}

interface ScopeCount {
  readonly edition: number;
  seq: number;
  /** Counts of this sync up to the last record seen, cumulative over attempts. */
  total: Counts;
  byStream: Record<StreamId, Counts>;
  /** Records since the source's last state of this scope. */
  sinceState: number;
  /** The source's last state of this scope in this sync. */
  last: StateMessage | null;
}

export interface ScopesInput {
  readonly streams: ReadonlySet<StreamId>;
  /** Of these a state counts only within the sync that made it. */
  readonly readInFull: ReadonlySet<StreamId>;
  readonly epoch: Epoch;
  /** The checkpoints that this attempt starts from. */
  readonly start: readonly Checkpoint[];
}

/** Counts the records of each scope, and says what its states amount to. Knows nothing of where the records go. */
export class Scopes {
  readonly #input: ScopesInput;
  readonly #start: ReadonlyMap<Scope, Checkpoint>;
  readonly #scopes = new Map<Scope, ScopeCount>();
  #kind: StateKind | undefined;

  constructor(input: ScopesInput) {
    this.#input = input;
    this.#start = new Map(input.start.map((checkpoint) => [checkpoint.scope, checkpoint]));
  }

  /** The kind of the source's states so far. */
  get kind(): StateKind | undefined {
    return this.#kind;
  }

  /** Throws when the stream was not asked for. */
  check(stream: StreamId): void {
    if (this.#input.streams.has(stream)) return;
    throw new SyncError(
      'system_error',
      'The source sent records of a stream that it was not asked for.',
      { origin: 'source', stream, remedy: 'Report it to the connector.' },
    );
  }

  /** Records came. */
  add(stream: StreamId, counts: Counts): void {
    const scopes = [this.#scope(stream), this.#scope(globalScope)];
    for (const scope of scopes) {
      scope.total = plus(scope.total, counts);
      scope.sinceState += counts.records;
    }
    const global = scopes[1]!;
    global.byStream[stream] = plus(global.byStream[stream], counts);
  }

  /** What a state covers; null: a stream that was not asked for. Refuses a second kind of state, and counts that disagree with the source's. */
  accept(message: StateMessage): Scope | null {
    this.#checkKind(kindOf(message.state));
    const scope = scopeOf(message.state);
    // Such as one that an earlier attempt finished: there is nothing to cover.
    if (scope !== globalScope && !this.#input.streams.has(scope)) return null;
    const { sinceState } = this.#scope(scope);
    const claimed = sourceCount(message.state);
    // Invariant 6: the source's count and ours agree, or the state is no checkpoint. An absent count isn't compared.
    if (claimed !== undefined && claimed !== sinceState)
      throw sourceDisagrees(scope, claimed, sinceState, shownState(message.state));
    return scope;
  }

  /** An accepted state covers what its scope has received. */
  cover(scope: Scope, message: StateMessage): Covered {
    this.#scope(scope).last = message;
    return this.#mark(scope, false);
  }

  /**
   * A stream is done: what it sent is covered, with its last state. Where it sent none in this attempt, that is the one it started from, or
   * none at all when that was of an earlier reading in full.
   */
  complete(stream: StreamId): Covered {
    this.#scope(stream).last ??= this.#startedFrom(stream);
    return this.#mark(stream, true);
  }

  checkpoint(covered: Covered, committedAt: string): Checkpoint {
    const { scope, message, complete, seq, counts, byStream } = covered;
    return {
      scope,
      edition: this.#scope(scope).edition,
      epoch: this.#input.epoch,
      seq,
      state: message?.state ?? null,
      ...(message?.exact !== undefined && { exact: message.exact }),
      ...(complete && { complete: true as const }),
      ...counts,
      ...(byStream !== null && { byStream }),
      committedAt,
    };
  }

  #mark(id: Scope, complete: boolean): Covered {
    const scope = this.#scope(id);
    scope.sinceState = 0;
    const isListed = id === globalScope && Object.keys(scope.byStream).length <= byStreamMax;
    return {
      scope: id,
      message: scope.last,
      complete,
      seq: ++scope.seq,
      counts: scope.total,
      byStream: isListed ? { ...scope.byStream } : null,
    };
  }

  #startedFrom(stream: StreamId): StateMessage | null {
    const start = this.#start.get(stream);
    if (start === undefined || start.state === null) return null;
    const isCurrent = start.epoch.syncNo === this.#input.epoch.syncNo;
    if (!isCurrent && this.#input.readInFull.has(stream)) return null;
    const { state, exact } = start;
    return { type: 'STATE', state, ...(exact !== undefined && { exact }) };
  }

  #scope(scope: Scope): ScopeCount {
    const known = this.#scopes.get(scope);
    if (known !== undefined) return known;
    const start = this.#start.get(scope);
    const same = start !== undefined && start.epoch.syncNo === this.#input.epoch.syncNo;
    const made: ScopeCount = {
      edition: start?.edition ?? 0,
      seq: start?.seq ?? 0,
      total: same ? { records: start.records, bytes: start.bytes } : { records: 0, bytes: 0 },
      byStream: same ? { ...start.byStream } : {},
      sinceState: 0,
      last: null,
    };
    this.#scopes.set(scope, made);
    return made;
  }

  #checkKind(kind: StateKind): void {
    if (this.#kind === kind) return;
    if (this.#kind !== undefined) {
      throw new SyncError(
        'system_error',
        `The source mixes ${this.#kind} and ${kind} states in one sync.`,
        { origin: 'source', remedy: 'Report it to the connector.' },
      );
    }
    checkKindChange(kindHeld(this.#input.start), kind);
    this.#kind = kind;
  }
}

function plus(a: Counts | undefined, b: Counts): Counts {
  return { records: (a?.records ?? 0) + b.records, bytes: (a?.bytes ?? 0) + b.bytes };
}

function sourceDisagrees(
  scope: Scope,
  claimed: number,
  received: number,
  state: string,
): SyncError {
  return new SyncError('system_error', 'The source counts other records than it sent.', {
    origin: 'source',
    code: 'counts_disagree',
    ...(scope !== globalScope && { stream: scope }),
    place: `scope ${scope}: the state says ${claimed}, received ${received}; ${state}`,
    remedy:
      'The state did not become a checkpoint. Retry; if it happens again, report it to the connector.',
    facts: { claimed, received },
  });
}
