import {
  globalScope,
  type Block,
  type Checkpoint,
  type Epoch,
  type Scope,
  type SealedPart,
  type StateMessage,
  type StreamId,
} from '../protocol/index.ts';
import { Scopes, type Covered } from './scopes.ts';
import { StreamLoad, type Parts } from './stream-load.ts';

/** A scope's last state that no commit has taken. */
interface Due {
  latest: Covered;
  /** When the oldest waiting state of the scope came. */
  readonly since: number;
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
  readonly #scopes: Scopes;
  readonly #loads = new Map<StreamId, StreamLoad>();
  /** Loads that hold rows, and scopes that hold a state, which no commit has taken: with 10,000 streams only these are looked at. */
  readonly #dirty = new Set<StreamLoad>();
  readonly #due = new Map<Scope, Due>();
  /** Of all loads: what states cover. A batch takes it whole. */
  #waitingBytes = 0;

  constructor({ streams, readInFull, epoch, start, parts }: CoverageInput) {
    for (const stream of streams) this.#loads.set(stream, new StreamLoad(stream, parts));
    this.#scopes = new Scopes({ streams: new Set(streams), readInFull, epoch, start });
  }

  /** Takes a stream's records in. The caller releases the block. */
  async append(block: Block, abort: AbortSignal): Promise<void> {
    this.#scopes.check(block.stream);
    const load = this.#loads.get(block.stream)!;
    this.#dirty.add(load);
    await load.append(block, abort);
    this.#scopes.add(block.stream, { records: block.records, bytes: block.bytes.byteLength });
  }

  /** A state came: it covers every record of its scope before it. See `Scopes.accept` for what is refused. */
  async cover(message: StateMessage, now: number, abort: AbortSignal): Promise<void> {
    const scope = this.#scopes.accept(message);
    if (scope === null) return;
    await this.#mark(scope, () => this.#scopes.cover(scope, message), now, abort);
  }

  /** A stream is done; see `Scopes.complete`. */
  async complete(stream: StreamId, now: number, abort: AbortSignal): Promise<void> {
    await this.#mark(stream, () => this.#scopes.complete(stream), now, abort);
  }

  async #mark(scope: Scope, latest: () => Covered, now: number, abort: AbortSignal): Promise<void> {
    const loads = this.#loadsOf(scope);
    for (const load of loads) await load.flush(abort);
    // Invariant 1: from here on nothing can fail, so a state covers all of its streams or none.
    for (const load of loads) {
      this.#waitingBytes += load.tail.bytes;
      load.cover();
    }
    const due = this.#due.get(scope);
    if (due === undefined) this.#due.set(scope, { latest: latest(), since: now });
    else due.latest = latest();
  }

  /** Bytes that wait for a commit and since when (the clock of `now`); null: nothing does. */
  get waiting(): { readonly bytes: number; readonly since: number } | null {
    // In the order in which they began to wait.
    for (const { since } of this.#due.values()) return { bytes: this.#waitingBytes, since };
    return null;
  }

  /** The stream has records that no state covers. */
  hasUncovered(stream: StreamId): boolean {
    return (this.#loads.get(stream)?.tail.records ?? 0) > 0;
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
    for (const [scope, { latest }] of this.#due) {
      for (const load of this.#loadsOf(scope)) {
        await load.seal(abort);
        parts.push(...load.take());
      }
      const checkpoint = this.#scopes.checkpoint(latest, committedAt);
      covered.push({ scope, message: latest.message, checkpoint });
    }
    this.#due.clear();
    this.#waitingBytes = 0;
    for (const load of this.#dirty) if (load.isEmpty) this.#dirty.delete(load);
    return { parts, covered };
  }

  /** The loads with rows on their way that a scope's states cover. A completed stream is a scope of its own beside GLOBAL states. */
  #loadsOf(scope: Scope): readonly StreamLoad[] {
    if (scope === globalScope) return [...this.#dirty];
    const load = this.#loads.get(scope);
    return load === undefined ? [] : [load];
  }
}
