import {
  createCommitted,
  globalScope,
  scopeOf,
  streamId,
  summaryStreamsMax,
  type Checkpoint,
  type Counts,
  type Echo,
  type Item,
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
  readonly streamCount: number;
  /** ms of performance.now; null: none came. */
  readonly lastStateAt: number | null;
  readonly lastItemAt: number | null;
  /** The last reset of a rate limit that the source told, epoch ms; null: none. */
  readonly quotaReset: number | null;
  /** The most recently active streams first, at most `summaryStreamsMax`. */
  streams(): readonly StreamProgress[];
}

interface StreamMeter {
  records: number;
  bytes: number;
  committed: Counts;
  nulled: number;
  status: StreamStatus | null;
}

const nothing: Counts = { records: 0, bytes: 0 };

/** `start`: the checkpoints that the attempt resumes from; those of the same sync count as committed. */
export function createMeter(start: readonly Checkpoint[], syncNo: number): Meter {
  // In order of activity: the last one was active last.
  const streams = new Map<StreamId, StreamMeter>();
  const committed = createCommitted();
  let read = nothing;
  let states = 0;
  let bytesSinceCommit = 0;
  let lastStateAt: number | null = null;
  let lastItemAt: number | null = null;
  let quotaReset: number | null = null;

  function meter(id: StreamId): StreamMeter {
    const known = streams.get(id);
    if (known !== undefined) {
      streams.delete(id);
      streams.set(id, known);
      return known;
    }
    const made = { ...nothing, committed: nothing, nulled: 0, status: null };
    streams.set(id, made);
    return made;
  }

  function noteCommitted(checkpoint: Checkpoint): void {
    committed.add(checkpoint);
    const { scope, byStream = {} } = checkpoint;
    const ids = scope === globalScope ? (Object.keys(byStream) as StreamId[]) : [scope];
    for (const id of ids) meter(id).committed = committed.of(id);
  }

  function note(item: Item): void {
    lastItemAt = performance.now();
    switch (item.type) {
      case 'BLOCK': {
        const one = meter(item.stream);
        const bytes = item.bytes.byteLength;
        one.records += item.records;
        one.bytes += bytes;
        read = { records: read.records + item.records, bytes: read.bytes + bytes };
        bytesSinceCommit += bytes;
        return;
      }
      case 'STATE': {
        states += 1;
        lastStateAt = lastItemAt;
        const scope = scopeOf(item.state);
        if (scope !== globalScope) meter(scope);
        return;
      }
      case 'TRACE': {
        const status = item.trace.stream_status;
        if (status === undefined) return;
        meter(streamId(status.stream_descriptor)).status = status.status;
        for (const reason of status.reasons ?? []) {
          quotaReset = reason.rate_limited?.quota_reset ?? quotaReset;
        }
        return;
      }
      case 'LOG':
      case 'CONTROL':
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

  for (const checkpoint of start) if (checkpoint.epoch.syncNo === syncNo) noteCommitted(checkpoint);

  return {
    tap,
    echo({ checkpoint, receipt }) {
      noteCommitted(checkpoint);
      if (receipt === undefined) return;
      // The first echo of a commit: what was read by then either is committed or waits for a later state.
      states = 0;
      bytesSinceCommit = 0;
      for (const [id, nulled] of Object.entries(receipt.nulled))
        meter(id as StreamId).nulled += nulled;
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
    get lastStateAt() {
      return lastStateAt;
    },
    get lastItemAt() {
      return lastItemAt;
    },
    get quotaReset() {
      return quotaReset;
    },
    streams: () =>
      [...streams]
        .reverse()
        .slice(0, summaryStreamsMax)
        .map(([stream, one]) => ({ stream, ...one })),
  };
}
