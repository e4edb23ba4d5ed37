import {
  checkKindChange,
  globalScope,
  kindHeld,
  kindOf,
  scopeOf,
  sourceCount,
  SyncError,
  type Block,
  type Checkpoint,
  type Counts,
  type Epoch,
  type Scope,
  type SealedPart,
  type StateKind,
  type StateMessage,
  type StreamId,
} from '../protocol/index.ts';
import { StreamLoad, type Parts } from './stream-load.ts';

/** A GLOBAL checkpoint lists its streams only up to this many. */
const byStreamMax = 1_000;

/** A state that waits for its commit. */
interface Covered {
  readonly message: StateMessage | null;
  readonly complete: boolean;
  readonly seq: number;
  readonly counts: Counts;
  readonly byStream: Readonly<Record<StreamId, Counts>> | null;
}

interface ScopeLoad {
  readonly scope: Scope;
  readonly edition: number;
  seq: number;
  /** Counts of this sync up to the last record seen, cumulative over attempts. */
  total: Counts;
  byStream: Record<StreamId, Counts>;
  /** Records since the source's last state of this scope. */
  sinceState: number;
  /** The last state that no commit has taken. */
  latest: Covered | null;
  /** When the oldest waiting state came. */
  waitingSince: number | null;
  /** The source's last state of this scope in this sync. */
  last: StateMessage | null;
}

/** What one commit takes. */
export interface Batch {
  readonly parts: readonly SealedPart[];
  readonly covered: readonly {
    readonly scope: Scope;
    readonly message: StateMessage | null;
    readonly checkpoint: Checkpoint;
  }[];
}

export interface CoverageInput {
  readonly streams: readonly StreamId[];
  /** Of these a state counts only within the sync that made it. */
  readonly readInFull: ReadonlySet<StreamId>;
  readonly epoch: Epoch;
  /** The checkpoints that this attempt starts from. */
  readonly start: readonly Checkpoint[];
  readonly parts: Parts;
}

/**
 * Which rows which states cover. Committing stream A's state never publishes B's uncovered rows: parts are per stream, and a batch takes
 * only parts that end at a state (invariant 1).
 */
export class Coverage {
  readonly #input: CoverageInput;
  readonly #loads = new Map<StreamId, StreamLoad>();
  readonly #scopes = new Map<Scope, ScopeLoad>();
  /** Loads that hold rows, and scopes that hold a state, which no commit has taken: with 10,000 streams only these are looked at. */
  readonly #dirty = new Set<StreamLoad>();
  readonly #due = new Set<ScopeLoad>();
  /** Of all loads: what states cover. A batch takes it whole. */
  #waitingBytes = 0;
  #kind: StateKind | undefined;

  constructor(input: CoverageInput) {
    this.#input = input;
    for (const stream of input.streams)
      this.#loads.set(stream, new StreamLoad(stream, input.parts));
  }

  /** Takes a stream's records in. The caller releases the block. */
  async append(block: Block, abort: AbortSignal): Promise<void> {
    const load = this.#load(block.stream);
    this.#dirty.add(load);
    await load.append(block, abort);
    const scopes = [this.#scope(block.stream), this.#scope(globalScope)];
    const counts = { records: block.records, bytes: block.bytes.byteLength };
    for (const scope of scopes) {
      scope.total = plus(scope.total, counts);
      scope.sinceState += block.records;
    }
    const global = scopes[1]!;
    global.byStream[block.stream] = plus(global.byStream[block.stream], counts);
  }

  /** A state came: it covers every record of its scope before it. Refuses a second kind of state, and counts that disagree with the source's. */
  async cover(message: StateMessage, now: number, abort: AbortSignal): Promise<void> {
    this.#checkKind(kindOf(message.state));
    const covers = scopeOf(message.state);
    // Of a stream that was not asked for, such as one that an earlier attempt finished: there is nothing to cover.
    if (covers !== globalScope && !this.#loads.has(covers)) return;
    const scope = this.#scope(covers);
    const claimed = sourceCount(message.state);
    // Invariant 6: the source's count and ours agree, or the state is no checkpoint. An absent count isn't compared.
    if (claimed !== undefined && claimed !== scope.sinceState)
      throw sourceDisagrees(scope, claimed);
    scope.last = message;
    await this.#mark(scope, false, now, abort);
  }

  /**
   * A stream is done: what it sent is covered, with its last state. Where it sent none in this attempt, that is the one it started from, or
   * none at all when that was of an earlier reading in full.
   */
  async complete(stream: StreamId, now: number, abort: AbortSignal): Promise<void> {
    const scope = this.#scope(stream);
    scope.last ??= this.#startedFrom(scope);
    await this.#mark(scope, true, now, abort);
  }

  async #mark(scope: ScopeLoad, complete: boolean, now: number, abort: AbortSignal): Promise<void> {
    const loads = this.#loadsOf(scope.scope);
    for (const load of loads) await load.flush(abort);
    // Invariant 1: from here on nothing can fail, so a state covers all of its streams or none.
    for (const load of loads) {
      this.#waitingBytes += load.tail.bytes;
      load.cover();
    }
    scope.sinceState = 0;
    scope.waitingSince ??= now;
    this.#due.add(scope);
    scope.latest = {
      message: scope.last,
      complete,
      seq: ++scope.seq,
      counts: scope.total,
      byStream:
        scope.scope === globalScope && Object.keys(scope.byStream).length <= byStreamMax
          ? { ...scope.byStream }
          : null,
    };
  }

  /** Bytes that wait for a commit and since when (the clock of `now`); null: nothing does. */
  get waiting(): { readonly bytes: number; readonly since: number } | null {
    // In the order in which they began to wait.
    const [oldest] = this.#due;
    return oldest === undefined ? null : { bytes: this.#waitingBytes, since: oldest.waitingSince! };
  }

  /** Streams with records that no state covers. */
  uncovered(): readonly { readonly stream: StreamId; readonly records: number }[] {
    return [...this.#dirty]
      .filter((load) => load.tail.records > 0)
      .map((load) => ({ stream: load.stream, records: load.tail.records }));
  }

  /**
   * Everything that states cover and no commit has taken. Records after the last state stay for the next one, or, with `dropTails` (a
   * drain), are forgotten.
   */
  async batch(dropTails: boolean, committedAt: string, abort: AbortSignal): Promise<Batch> {
    const parts: SealedPart[] = [];
    const covered: Batch['covered'][number][] = [];
    if (dropTails) for (const load of this.#dirty) await load.dropTail();
    for (const scope of this.#due) {
      for (const load of this.#loadsOf(scope.scope)) {
        await load.seal(abort);
        parts.push(...load.take());
      }
      const { latest } = scope;
      covered.push({
        scope: scope.scope,
        message: latest!.message,
        checkpoint: this.#checkpoint(scope, latest!, committedAt),
      });
      scope.latest = null;
      scope.waitingSince = null;
    }
    this.#due.clear();
    this.#waitingBytes = 0;
    for (const load of this.#dirty) if (load.isEmpty) this.#dirty.delete(load);
    return { parts, covered };
  }

  #checkpoint(scope: ScopeLoad, covered: Covered, committedAt: string): Checkpoint {
    const { message, complete, seq, counts, byStream } = covered;
    return {
      scope: scope.scope,
      edition: scope.edition,
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

  #load(stream: StreamId): StreamLoad {
    const load = this.#loads.get(stream);
    if (load !== undefined) return load;
    throw new SyncError(
      'system_error',
      'The source sent records of a stream that it was not asked for.',
      {
        origin: 'source',
        stream,
        remedy: 'Report it to the connector.',
      },
    );
  }

  /** The loads with rows on their way that a scope's states cover. A completed stream is a scope of its own beside GLOBAL states. */
  #loadsOf(scope: Scope): readonly StreamLoad[] {
    if (scope === globalScope) return [...this.#dirty];
    const load = this.#loads.get(scope);
    return load === undefined ? [] : [load];
  }

  #startedFrom({ scope }: ScopeLoad): StateMessage | null {
    const start = this.#startOf(scope);
    if (start === undefined || start.state === null) return null;
    const isCurrent = start.epoch.syncNo === this.#input.epoch.syncNo;
    if (!isCurrent && this.#input.readInFull.has(scope as StreamId)) return null;
    const { state, exact } = start;
    return { type: 'STATE', state, ...(exact !== undefined && { exact }) };
  }

  #startOf(scope: Scope): Checkpoint | undefined {
    return this.#input.start.find((checkpoint) => checkpoint.scope === scope);
  }

  #scope(scope: Scope): ScopeLoad {
    const known = this.#scopes.get(scope);
    if (known !== undefined) return known;
    const start = this.#startOf(scope);
    const same = start !== undefined && start.epoch.syncNo === this.#input.epoch.syncNo;
    const made: ScopeLoad = {
      scope,
      edition: start?.edition ?? 0,
      seq: start?.seq ?? 0,
      total: same ? { records: start.records, bytes: start.bytes } : { records: 0, bytes: 0 },
      byStream: same ? { ...start.byStream } : {},
      sinceState: 0,
      latest: null,
      waitingSince: null,
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
        {
          origin: 'source',
          remedy: 'Report it to the connector.',
        },
      );
    }
    checkKindChange(kindHeld(this.#input.start), kind);
    this.#kind = kind;
  }
}

function plus(a: Counts | undefined, b: Counts): Counts {
  return { records: (a?.records ?? 0) + b.records, bytes: (a?.bytes ?? 0) + b.bytes };
}

function sourceDisagrees(scope: ScopeLoad, claimed: number): SyncError {
  return new SyncError('system_error', 'The source counts other records than it sent.', {
    origin: 'source',
    code: 'counts_disagree',
    place: `scope ${scope.scope}: the state says ${claimed}, received ${scope.sinceState}`,
    remedy:
      'The state did not become a checkpoint. Retry; if it happens again, report it to the connector.',
    facts: { claimed, received: scope.sinceState },
  });
}
