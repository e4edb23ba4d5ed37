import {
  createCommitted,
  globalScope,
  idsOf,
  isReadInFull,
  rateLimitOf,
  replaces,
  scopeOf,
  streamId,
  summaryStreamsMax,
  type Checkpoint,
  type ConfiguredCatalog,
  type Counts,
  type Echo,
  type Item,
  type LossesByScope,
  type StreamId,
  type StreamProgress,
  type StreamStatus,
} from '../protocol/index.ts';

/** Counts what passes to the writer and what comes back: the figures of progress, summary and watchdog. */
export interface Meter {
  /** Passes items through and counts them. */
  tap(items: AsyncIterable<Item>): AsyncIterable<Item>;
  echo(echo: Echo): void;
  /** What this attempt has read. */
  readonly read: Counts;
  /** What the sync has committed, over its attempts. */
  readonly committed: Counts;
  /** States that wait for their commit, and the bytes read since the last one that was committed. */
  readonly waiting: { readonly states: number; readonly bytes: number };
  /** Of all streams of the sync: those that this attempt has, reached or not, and those that earlier ones have finished. */
  readonly streamCount: number;
  /** Records of the sync that the destination turned away. */
  readonly rejected: number;
  /** How many of them are done. */
  readonly streamsDone: number;
  /** When the last record came, ms of performance.now; null: none did. */
  readonly lastRecordAt: number | null;
  /**
   * The rate limit that the source says it waits for, of the stream that waits longest; null: none, or its time is up. A record of the stream, or a
   * status without a limit, ends it.
   */
  readonly limit: Limit | null;
  /** When the last rate limit that it told of ends or ended, epoch ms; null: it told of none, or not until when. */
  readonly limitedUntil: number | null;
  /**
   * The most recently active streams first, at most `summaryStreamsMax`. COMPLETE is a stream only once it is done: what the source calls
   * complete before all of it is durable is still running.
   */
  streams(): readonly StreamProgress[];
  /** The attempt has succeeded, which proves that everything is durable: the source's word counts. */
  prove(): void;
}

export interface Limit {
  readonly stream: StreamId;
  /** epoch ms; null: the source does not say. */
  readonly resetMs: number | null;
}

interface StreamMeter {
  records: number;
  bytes: number;
  committed: Counts;
  /** What the sync had committed of it when this attempt began. */
  readonly before: number;
  nulled: number;
  rejected: number;
  /** As the source told it. */
  status: StreamStatus | null;
  /** A checkpoint says that it is complete: what replaces the old data has taken its place. */
  completed: boolean;
  limit: Limit | null;
}

export interface MeterInput {
  /** The checkpoints that the attempt resumes from; those of the same sync count as committed. */
  readonly start: readonly Checkpoint[];
  readonly syncNo: number;
  readonly catalog: ConfiguredCatalog;
  /** Streams that earlier attempts of the sync have brought to their end, as far as is known. */
  readonly done?: readonly StreamId[];
  /** What earlier attempts of the sync have told of committed records. */
  readonly losses?: LossesByScope;
}

const nothing: Counts = { records: 0, bytes: 0 };
const noLosses: LossesByScope = {};

function longest(limits: readonly Limit[], now: number): Limit | null {
  const waiting = limits.filter(({ resetMs }) => resetMs === null || resetMs > now);
  return waiting.reduce<Limit | null>(
    (last, one) => ((one.resetMs ?? 0) > (last?.resetMs ?? -1) ? one : last),
    null,
  );
}

export function createMeter(input: MeterInput): Meter {
  const { start, syncNo, catalog, done = [], losses = noLosses } = input;
  // In order of activity: the last one was active last.
  const streams = new Map<StreamId, StreamMeter>();
  const committed = createCommitted();
  const completing = idsOf(catalog, (one) => isReadInFull(one) || replaces(one));
  let proven = false;
  let read = nothing;
  let states = 0;
  let bytesSinceCommit = 0;
  /** Of states that cover all streams nobody knows whose. */
  let sharedRejected = losses[globalScope]?.rejected ?? 0;
  let lastRecordAt: number | null = null;
  let limitedUntil: number | null = null;

  function meter(id: StreamId): StreamMeter {
    const known = streams.get(id);
    if (known !== undefined) {
      streams.delete(id);
      streams.set(id, known);
      return known;
    }
    const made: StreamMeter = {
      ...{ ...nothing, committed: committed.of(id), before: committed.of(id).records },
      ...{ nulled: losses[id]?.nulled ?? 0, rejected: losses[id]?.rejected ?? 0 },
      ...{ status: null, completed: false, limit: null },
    };
    streams.set(id, made);
    return made;
  }

  function noteCommitted(checkpoint: Checkpoint): void {
    committed.add(checkpoint);
    const { scope, byStream = {} } = checkpoint;
    const ids = scope === globalScope ? (Object.keys(byStream) as StreamId[]) : [scope];
    for (const id of ids) meter(id).committed = committed.of(id);
    if (scope !== globalScope && checkpoint.complete === true) meter(scope).completed = true;
  }

  function note(item: Item): void {
    switch (item.type) {
      case 'BLOCK': {
        const one = meter(item.stream);
        const bytes = item.bytes.byteLength;
        one.records += item.records;
        one.bytes += bytes;
        read = { records: read.records + item.records, bytes: read.bytes + bytes };
        one.limit = null;
        lastRecordAt = performance.now();
        bytesSinceCommit += bytes;
        return;
      }
      case 'STATE': {
        states += 1;
        const scope = scopeOf(item.state);
        if (scope !== globalScope) meter(scope);
        return;
      }
      case 'TRACE': {
        const status = item.trace.stream_status;
        if (status === undefined) return;
        const stream = streamId(status.stream_descriptor);
        const one = meter(stream);
        one.status = status.status;
        const told = rateLimitOf(status);
        if (told !== null) {
          one.limit = { stream, ...told };
          if (told.resetMs !== null) limitedUntil = Math.max(limitedUntil ?? 0, told.resetMs);
        } else if (status.status !== 'INCOMPLETE') {
          // Which is what a source says of each stream as it gives up, limited or not.
          one.limit = null;
        }
        return;
      }
      case 'LOG':
      case 'END':
        return;
    }
  }

  // Not a generator: its `return` would wait for an item that may never come.
  function tap(items: AsyncIterable<Item>): AsyncIterable<Item> {
    return {
      [Symbol.asyncIterator]() {
        const inner = items[Symbol.asyncIterator]();
        return {
          async next() {
            const result = await inner.next();
            if (result.done !== true) note(result.value);
            return result;
          },
          return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
        };
      },
    };
  }

  /** What is to be completed by a checkpoint is not done before it, and of other streams nothing may wait. */
  function isDone(id: StreamId, one: StreamMeter): boolean {
    if (one.completed) return true;
    if (one.status !== 'COMPLETE' || (completing.has(id) && !proven)) return false;
    return proven || one.committed.records - one.before >= one.records;
  }

  function shownStatus(id: StreamId, one: StreamMeter): StreamStatus | null {
    if (isDone(id, one)) return 'COMPLETE';
    return one.status === 'COMPLETE' ? 'RUNNING' : one.status;
  }

  const fresh = start.filter(({ epoch }) => epoch.syncNo === syncNo);
  for (const checkpoint of fresh) committed.add(checkpoint);
  // Those that nothing comes of are told too, as what the sync has not reached.
  for (const { stream } of catalog.streams.toReversed()) meter(streamId(stream));
  for (const checkpoint of fresh) noteCommitted(checkpoint);
  for (const id of done) if (streams.has(id)) meter(id).status = 'COMPLETE';

  return {
    tap,
    prove: () => {
      proven = true;
    },
    echo({ checkpoint, receipt }) {
      noteCommitted(checkpoint);
      if (receipt === undefined) return;
      // The first echo of a commit: what was read by then either is committed or waits for a later state.
      states = 0;
      bytesSinceCommit = 0;
      for (const [id, nulled] of Object.entries(receipt.nulled))
        meter(id as StreamId).nulled += nulled;
      for (const [scope, rejected = 0] of Object.entries(receipt.rejected ?? {})) {
        if (scope === globalScope) sharedRejected += rejected;
        else meter(scope as StreamId).rejected += rejected;
      }
    },
    get read() {
      return read;
    },
    get committed() {
      return committed.total;
    },
    get waiting() {
      return { states, bytes: bytesSinceCommit };
    },
    get streamCount() {
      return streams.size;
    },
    get rejected() {
      return [...streams.values()].reduce((sum, one) => sum + one.rejected, sharedRejected);
    },
    get streamsDone() {
      return [...streams].filter(([id, one]) => isDone(id, one)).length;
    },
    get lastRecordAt() {
      return lastRecordAt;
    },
    get limitedUntil() {
      return limitedUntil;
    },
    get limit() {
      return longest(
        [...streams.values()].flatMap(({ limit }) => limit ?? []),
        Date.now(),
      );
    },
    streams: () =>
      [...streams]
        .reverse()
        .slice(0, summaryStreamsMax)
        .map(([stream, one]) => {
          const { records, bytes, committed: own, nulled, rejected } = one;
          const status = shownStatus(stream, one);
          const turnedAway = rejected > 0 && { rejected };
          return { stream, records, bytes, committed: own, nulled, ...turnedAway, status };
        }),
  };
}
