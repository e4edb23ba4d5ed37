import {
  checkCount,
  globalScope,
  idsOf,
  isReadInFull,
  replaces,
  streamId,
  SyncError,
  type Block,
  type Checkpoint,
  type CommitReason,
  type Destination,
  type Echo,
  type End,
  type Item,
  type Loader,
  type LoaderDestination,
  type Receipt,
  type StreamId,
  type TraceMessage,
  type WriteInput,
  type Writer,
} from '../protocol/index.ts';
import { createCadence, type Cadence } from './cadence.ts';
import { Coverage, type Batch } from './coverage.ts';
import { createIntake } from './intake.ts';
import { finishedBy, proveSuccess } from './outcome.ts';
import { createParts, defaultTailBounds, type TailBounds } from './stream-load.ts';
import { watchLoader } from './watched-loader.ts';

/** A native destination as a Destination: cadence, counting and coverage are the engine's, written once. */
export function fromLoader<C>(
  native: LoaderDestination<C>,
  bounds: TailBounds = defaultTailBounds,
): Destination<C> {
  return {
    spec: native.spec,
    ...(native.guarantee !== undefined && { guarantee: native.guarantee }),
    check: (config, signal) => native.check(config, signal),
    ...(native.cadence !== undefined && { cadence: native.cadence }),
    ...(native.accepts !== undefined && { accepts: (stream) => native.accepts!(stream) }),
    async offered({ config, ...asked }) {
      const loader = native.loader(config);
      try {
        return await loader.offered?.(asked);
      } finally {
        await loader.close();
      }
    },
    async open(input) {
      const loader = native.loader(input.config);
      try {
        const { connection, catalog, offer, epoch, from, adopt, rowsMin, abort } = input;
        const offered = offer === undefined ? {} : { offer };
        const held = await loader.open({
          ...{ connection, catalog, epoch, from, adopt, rowsMin, abort },
          ...offered,
        });
        return createWriter(loader, held, input, bounds);
      } catch (error) {
        await loader.close();
        throw error;
      }
    },
  };
}

function createWriter<C>(
  native: Loader,
  held: readonly Checkpoint[] | null,
  input: WriteInput<C>,
  bounds: TailBounds,
): Writer {
  const { catalog, epoch } = input;
  const watched = watchLoader(native);
  const { loader } = watched;
  const coverage = new Coverage({
    streams: catalog.streams.map(({ stream }) => streamId(stream)),
    readInFull: idsOf(catalog, isReadInFull),
    epoch,
    // Without a table beside the data, Temporal decides where this attempt starts.
    start: held ?? input.from,
    parts: createParts(loader, epoch, bounds),
  });
  // Invariant 3: where no table beside the data refuses an older writer, Temporal is asked before each commit.
  const permit = held === null ? (): Promise<void> => input.permit() : null;
  const run = new Run(
    loader,
    coverage,
    createCadence(input.cadence, performance.now()),
    input,
    permit,
  );
  return {
    held,
    get blockedMs() {
      return watched.blockedMs;
    },
    write: (items) => run.write(items),
    close: () => loader.close(),
  };
}

class Run<C> {
  readonly #loader: Loader;
  readonly #coverage: Coverage;
  readonly #cadence: Cadence;
  readonly #input: WriteInput<C>;
  /** null: the destination has a fence of its own. */
  readonly #permit: (() => Promise<void>) | null;
  /** Streams read in full; when one is done without a state its rows are committed all the same. */
  readonly #fullRefresh: ReadonlySet<StreamId>;
  /** Streams whose new data takes the place of the old once they are done. */
  readonly #replaced: ReadonlySet<StreamId>;
  readonly #toComplete: ReadonlySet<StreamId>;
  readonly #completed = new Set<StreamId>();
  /** The first stream whose new data was too small to take the place of the old. */
  #refused: SyncError | null = null;

  constructor(
    loader: Loader,
    coverage: Coverage,
    cadence: Cadence,
    input: WriteInput<C>,
    permit: (() => Promise<void>) | null,
  ) {
    this.#loader = loader;
    this.#coverage = coverage;
    this.#cadence = cadence;
    this.#input = input;
    this.#permit = permit;
    this.#fullRefresh = idsOf(input.catalog, isReadInFull);
    this.#replaced = idsOf(input.catalog, replaces);
    this.#toComplete = new Set([...this.#fullRefresh, ...this.#replaced]);
  }

  async *write(items: AsyncIterable<Item>): AsyncGenerator<Echo> {
    const intake = createIntake(items, this.#input.drain, this.#input.abort);
    let end: End | null = null;
    try {
      while (end === null) {
        const waiting = this.#coverage.waiting;
        const event = await intake.next(waiting === null ? null : this.#cadence.dueAt(waiting));
        if (event.type === 'drain') break;
        if (event.type === 'closed') throw endless();
        if (event.type === 'item') {
          const { item } = event;
          if (item.type === 'END') end = item;
          else yield* this.#takeOrEnd(item);
        }
        const why = end === null ? this.#whyDue() : null;
        if (why !== null) yield* this.#commit(why, false);
      }
      if (end !== null)
        for (const stream of [...this.#toComplete].filter(finishedBy(end)))
          yield* this.#complete(stream);
      const uncovered = this.#coverage.uncovered();
      // Invariant 8: whatever ended the reading, what states cover is committed first.
      yield* this.#commit(end === null ? 'drain' : 'end', true);
      if (end !== null && !this.#input.drain.aborted)
        proveSuccess(end, this.#input.catalog, uncovered);
      if (this.#refused !== null) throw this.#refused;
    } finally {
      await intake.close();
    }
  }

  /** A source that breaks its word ends the attempt, but what its states cover until then is committed. */
  async *#takeOrEnd(item: Exclude<Item, End>): AsyncGenerator<Echo> {
    try {
      if (item.type === 'TRACE') yield* this.#noteStatus(item);
      else await this.#take(item);
    } catch (error) {
      if (error instanceof SyncError && error.origin === 'source')
        yield* this.#commit('drain', true);
      throw error;
    }
  }

  async #take(item: Exclude<Item, End | TraceMessage>): Promise<void> {
    switch (item.type) {
      case 'BLOCK':
        return this.#append(item);
      case 'STATE':
        return this.#coverage.cover(item, performance.now(), this.#input.abort);
      case 'LOG':
        return;
    }
  }

  async #append(block: Block): Promise<void> {
    try {
      await this.#coverage.append(block, this.#input.abort);
    } finally {
      block.release();
    }
  }

  async *#noteStatus({ trace }: TraceMessage): AsyncGenerator<Echo> {
    const status = trace.stream_status;
    if (status?.status === 'COMPLETE') yield* this.#complete(streamId(status.stream_descriptor));
  }

  /** A stream that sends no states becomes durable when it is done, and one that replaces its data becomes visible. */
  async *#complete(stream: StreamId): AsyncGenerator<Echo> {
    if (!this.#toComplete.has(stream)) return;
    const left = this.#coverage.hasUncovered(stream);
    if (this.#completed.has(stream) && !left) return;
    const isIncremental = !this.#fullRefresh.has(stream);
    // Invariant 9: such records are a failure of the source, told at its end.
    if (isIncremental && left) return;
    this.#completed.add(stream);
    const mayBeRefused = this.#input.rowsMin > 0 && this.#replaced.has(stream);
    // By itself: a refusal must not hold back what other streams wait for.
    if (mayBeRefused) yield* this.#commit('stream complete', false);
    await this.#coverage.complete(stream, performance.now(), this.#input.abort);
    if (mayBeRefused) yield* this.#commitOrRefuse();
  }

  async *#commitOrRefuse(): AsyncGenerator<Echo> {
    try {
      yield* this.#commit('stream complete', false);
    } catch (error) {
      if (!(error instanceof SyncError) || error.code !== 'too_few_rows') throw error;
      this.#refused ??= error;
    }
  }

  #whyDue(): CommitReason | null {
    const waiting = this.#coverage.waiting;
    return waiting === null ? null : this.#cadence.whyDue(waiting, performance.now());
  }

  async *#commit(why: CommitReason, dropTails: boolean): AsyncGenerator<Echo> {
    const { abort } = this.#input;
    const batch = await this.#coverage.batch(dropTails, new Date().toISOString(), abort);
    if (batch.covered.length === 0) return;
    // The last thing before it: sealing took time, and the process may have been frozen in it.
    await this.#permit?.();
    const begun = performance.now();
    const checkpoints = batch.covered.map(({ checkpoint }) => checkpoint);
    const receipt = await this.#loader.commit(batch.parts, checkpoints, abort);
    const commitMs = performance.now() - begun;
    const bytes = batch.parts.reduce((sum, part) => sum + part.bytes, 0);
    this.#cadence.learn({ ms: commitMs, bytes, cost: receipt.cost });
    const cadence = this.#cadence.facts(why, performance.now());
    compare(batch, receipt);
    // Invariant 1: the rows and the checkpoints are durable; only now do the states go back.
    for (const [n, { message, checkpoint }] of batch.covered.entries()) {
      yield { state: message, checkpoint, ...(n === 0 && { receipt, commitMs, cadence }) };
    }
  }
}

/** Invariant 6, once more: a loader that does not compare before it commits is found out here. */
function compare({ parts }: Batch, receipt: Receipt): void {
  const sums = new Map<StreamId, number>();
  for (const part of parts) sums.set(part.stream, (sums.get(part.stream) ?? 0) + part.records);
  for (const [stream, given] of sums)
    checkCount({ stream, given, loaded: receipt.rows[stream] ?? 0, committed: true });
}

function endless(): SyncError {
  return new SyncError('system_error', 'The items ended without an END.', {
    origin: 'tidemark',
    place: `scope ${globalScope}`,
  });
}
