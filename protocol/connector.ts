import type { Catalog, ConfiguredCatalog } from './catalog.ts';
import type { Checkpoint, Epoch } from './checkpoint.ts';
import type { ConnectorSpecification } from './message.ts';
import type { Block, Encoding, Item } from './pipe.ts';
import type { Scope, StateMessage } from './state.ts';
import type { StreamId } from './stream.ts';

/** A source of records. Throws SyncErrors of origin `source`, never a driver's own. `config` arrives with its secrets resolved. */
export interface Source<C> {
  readonly spec: ConnectorSpecification;
  /** One clause: what it reads at once where `parallelism` asks for it. Absent: it ignores that. */
  readonly readsAtOnce?: string;
  /** Resolves when the source can be reached and used, else throws a SyncError. Ends soon after `signal` aborts. */
  check(config: C, signal: AbortSignal): Promise<void>;
  discover(config: C, signal: AbortSignal): Promise<Catalog>;
  /**
   * Yields the records after `state` in the source's order, and states: a state covers every record of its scope yielded before it.
   * The last item is an End, which also carries failures: `read` itself throws only for defects of ours. The consumer may stop pulling for
   * any time (backpressure), and may return early: then all resources are freed before the iterator's `return` resolves.
   */
  read(input: ReadInput<C>): AsyncIterable<Item>;
}

export interface ReadInput<C> {
  readonly config: C;
  readonly catalog: ConfiguredCatalog;
  /** The states to resume from; empty: from scratch. The same state may be given twice. */
  readonly state: readonly StateMessage[];
  /** The encodings that the destination takes for a stream, best first; always holds `jsonl`. */
  accepts(stream: StreamId): readonly Encoding[];
  /** The road back: states that became checkpoints. A replication slot or an acknowledgement advances only on these. */
  readonly checkpoints: AsyncIterable<StateMessage>;
  /** It may read so much of a stream at once, with as many sessions of its system. Absent: 1. States cover as they do without it. */
  readonly parallelism?: number;
  /** To be called, at most now and then, when the source shows life that no item tells of: its word is all that tells a slow one from a dead one. */
  lives?(this: void): void;
  /** Aborted: stop soon at a good place, if possible after a state, and end with `drained: true`. */
  readonly drain: AbortSignal;
  /** Aborted: stop at once and free everything within a second. */
  readonly abort: AbortSignal;
}

/** A connection as destinations know it: `id` (a UUID) owns tables and checkpoints, `name` is for people. */
export interface ConnectionRef {
  readonly id: string;
  readonly name: string;
}

/**
 * What a destination promises and why. It belongs to the destination's code, not to its spec: a spec is what another program may print, and
 * such a program must not be able to claim it.
 */
export interface Guarantee {
  readonly delivery: 'exactly once' | 'at least once';
  /** One clause: what makes it so. */
  readonly because: string;
  /** What the conformance suite and the tests that kill ran against. */
  readonly verifiedOn: string;
  /** `where told`: its counts are compared with ours only where it tells them. Absent: for every state. */
  readonly counts?: 'where told';
}

export interface Destination<C> {
  readonly spec: ConnectorSpecification;
  /** Absent: at least once, and verified on nothing. */
  readonly guarantee?: Guarantee;
  /** When to commit, where the connection's policy does not say. Absent: `defaultCadence`. */
  readonly cadence?: CadenceBounds;
  check(config: C, signal: AbortSignal): Promise<void>;
  /** Encodings it takes for a stream beside `jsonl`, best first. Absent: none. */
  accepts?(stream: StreamId): readonly Encoding[];
  /** What `offer` was when a sync before this one last opened; null: none, undefined: it keeps none. Only reads. */
  offered?(input: OfferedInput & { readonly config: C }): Promise<string | null | undefined>;
  /** Fences off earlier writers of the connection, then opens. Throws `fenced` when a newer writer was here, `raise` when a newer sync was. */
  open(input: WriteInput<C>): Promise<Writer>;
}

export interface OfferedInput {
  readonly connection: ConnectionRef;
  /** Of the sync that asks: its own earlier attempts do not count. */
  readonly epoch: Epoch;
  readonly abort: AbortSignal;
}

export interface WriteInput<C> {
  readonly config: C;
  readonly connection: ConnectionRef;
  readonly catalog: ConfiguredCatalog;
  /** What the source offers, to be kept beside the data for the syncs to come. */
  readonly offer?: string;
  readonly epoch: Epoch;
  /** What Temporal holds; the destination's own table decides over it (design §5). */
  readonly from: readonly Checkpoint[];
  /** A person said: take over tables that another connection owns, and accept Temporal's checkpoints where rows are missing. */
  readonly adopt: boolean;
  readonly cadence: CadenceBounds;
  /**
   * Resolves once Temporal has said, lately enough, that no newer writer replaced this one; rejects as `fenced`. Awaited right before each
   * commit to a destination that keeps no checkpoints, and so has no fence of its own. Invariant 3.
   */
  permit(): Promise<void>;
  /** A stream's new data never replaces the old with fewer rows than this. */
  readonly rowsMin: number;
  /** Aborted: commit what states cover and end. */
  readonly drain: AbortSignal;
  /** Aborted: stop at once; nothing uncommitted may become visible. */
  readonly abort: AbortSignal;
}

/** When to commit. The engine's cadence moves between these bounds. */
export interface CadenceBounds {
  /** Commit at a state once this many bytes wait. */
  readonly batchBytesMax: number;
  /** Commit at a state no more often than this, unless the batch is full. */
  readonly intervalMsMin: number;
  /** Never let a covered state wait longer than this. At most 15 minutes. */
  readonly intervalMsMax: number;
}

export interface Writer {
  /** Checkpoints kept beside the data, known before reading starts. null: keeps none, Temporal decides. */
  readonly held: readonly Checkpoint[] | null;
  /** Streams of which nothing becomes a checkpoint before they are complete. Absent: none. */
  readonly whole?: ReadonlySet<StreamId>;
  /** ms for which it has worked on what it was given, finishing none of it and showing no other life; 0: it has nothing to do. Absent: nobody knows. */
  readonly blockedMs?: number;
  /** An echo only once its records are durable; in order within its scope. Ends after End was consumed and all that is covered is committed. */
  write(items: AsyncIterable<Item>): AsyncIterable<Echo>;
  /** Frees everything, discards what is not committed. Idempotent. */
  close(): Promise<void>;
}

/** A state that became a checkpoint. Invariant 1. */
export interface Echo {
  /** null: a completion checkpoint (a stream that sent no state is done). */
  readonly state: StateMessage | null;
  readonly checkpoint: Checkpoint;
  /** What the commit did; on the first echo of each commit only. */
  readonly receipt?: Receipt;
  /** How long the commit took, ms; on the first echo of each commit only, and never where another program commits. */
  readonly commitMs?: number;
  /** Likewise. */
  readonly cadence?: CadenceFacts;
}

/**
 * Why a commit was made. `batch full`: `batch_max` was reached. `interval`: the oldest covered state had waited long enough. `stream complete`: of
 * a stream whose size is checked, by itself. `end`: the source had ended. `drain`: something stopped the attempt.
 */
export type CommitReason = 'batch full' | 'interval' | 'stream complete' | 'end' | 'drain';

/** What an attempt's commits cost, and what was decided of it; for people. Times in ms. */
export interface CadenceFacts {
  /** Of the last commit. */
  readonly why: CommitReason;
  readonly commits: number;
  /** What a commit costs, as learned: recent ones weigh more. */
  readonly commitMs: number;
  /** For each MiB that it took, of all commits; null: they took none. */
  readonly msPerMib: number | null;
  /** The next commit comes no sooner than this after a state, unless the batch is full. */
  readonly intervalMs: number;
  /** Of the time since writing began, 0 to 1. */
  readonly share: number;
  /** Of a warehouse: what the attempt has cost there. */
  readonly cost?: WarehouseCost;
}

/** A native destination: it gives a loader, and the engine makes the Writer. */
export interface LoaderDestination<C> {
  readonly spec: ConnectorSpecification;
  /** See Destination. */
  readonly guarantee?: Guarantee;
  /** See Destination. */
  readonly cadence?: CadenceBounds;
  check(config: C, signal: AbortSignal): Promise<void>;
  /** See Destination. */
  accepts?(stream: StreamId): readonly Encoding[];
  loader(config: C): Loader;
}

/**
 * How one destination system loads. Used by one writer, one call at a time unless said otherwise. Throws SyncErrors of origin
 * `destination`: `fenced` and `raise` by code, lost connections and locks as transient, refused configs and permissions as config_error.
 */
export interface Loader {
  /**
   * First call. Fences earlier writers (and ends their frozen sessions), sweeps what they left, creates or widens target tables, records
   * their owner, and returns the checkpoints held beside the data. null: keeps none.
   */
  open(input: OpenInput): Promise<readonly Checkpoint[] | null>;
  /** See Destination; before `open`, on a loader of its own. Absent: keeps none. */
  offered?(input: OfferedInput): Promise<string | null>;
  /** A new part of a stream, invisible until committed. Several are open at once. */
  part(stream: StreamId, id: PartId): Promise<Part>;
  /**
   * ONE atomic step: the parts' rows and the checkpoints become durable together, or nothing does. Refuses as `fenced` unless each checkpoint's
   * row still belongs to this epoch or a lower one. Repeatable from the same parts after a conflict. `parts` may be empty (states without records).
   * Where a system's transactions hold only so many tables it may be several such steps, of whole streams each: then some may be durable when it fails.
   *
   * A stream that replaces its data (see `replaces`) is loaded out of sight, generation by generation, until a checkpoint of it is `complete`:
   * this step then also publishes it. The new data takes the place of the old as a whole, and what is out of sight from an earlier generation
   * is dropped by `open`. Where a system can't do both at once, the step records that it is to be published, then it is, and `open` makes up for
   * a crash between the two. Throws a config_error instead when the new data has fewer rows than `rowsMin`.
   */
  commit(
    parts: readonly SealedPart[],
    at: readonly Checkpoint[],
    abort: AbortSignal,
  ): Promise<Receipt>;
  /** Frees everything; uncommitted parts are discarded. Idempotent; may run while another call is pending, which it then ends. */
  close(): Promise<void>;
}

export interface OpenInput {
  readonly connection: ConnectionRef;
  readonly catalog: ConfiguredCatalog;
  /** Kept once the tables are ready, under the fence. */
  readonly offer?: string;
  readonly epoch: Epoch;
  readonly from: readonly Checkpoint[];
  readonly adopt: boolean;
  /** See WriteInput. */
  readonly rowsMin: number;
  readonly abort: AbortSignal;
}

/** Unique per writer and part, safe in file and table names: `<syncNo>-<attempt ms>-<n>`. */
export type PartId = string & { readonly brand: 'PartId' };

export function partId(epoch: Epoch, n: number): PartId {
  return `${epoch.syncNo}-${epoch.at}-${n}` as PartId;
}

export interface Part {
  /** Takes the block's records after those before. Resolving is backpressure. The block stays the caller's, who releases it afterwards. */
  append(block: Block, abort: AbortSignal): Promise<void>;
  /** A state covers everything appended so far. Cheap: called at every state. */
  cover(): void;
  /** Finishes the part up to the last `cover()`; what came after is dropped. A part that was never covered seals empty. */
  seal(): Promise<SealedPart>;
  discard(): Promise<void>;
}

export interface SealedPart {
  readonly stream: StreamId;
  readonly id: PartId;
  /** Records covered, as the loader counted them when they were appended. */
  readonly records: number;
  readonly bytes: number;
}

/** What a commit did. */
export interface Receipt {
  /** Rows staged by stream, before dedup, counted by the destination. Compared with ours: invariant 6. */
  readonly rows: Readonly<Record<StreamId, number>>;
  /** Values that did not fit their column and became NULL, by stream; each has its entry in `_airbyte_meta.changes`. */
  readonly nulled: Readonly<Record<StreamId, number>>;
  /** Records that it turned away, by what its states cover: they are not there. Absent: none. */
  readonly rejected?: Readonly<Partial<Record<Scope, number>>>;
  /** Absent: it charges nobody. */
  readonly cost?: WarehouseCost;
}

/** What people pay a warehouse for. */
export interface WarehouseCost {
  /** That were sent to it, compressed as they went. */
  readonly stagedBytes: number;
  /** ms in which it worked on statements and loads, those of several at once each. */
  readonly busyMs: number;
}
