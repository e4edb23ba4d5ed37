import { SyncError, type Item } from '../protocol/index.ts';

export interface PipeStats {
  readonly items: number;
  readonly bytes: number;
}

/** A queue between one reader and one writer in a process, bounded in bytes. */
export interface Pipe {
  /** Resolves once the item is taken in: backpressure. Rejects as `aborted` when the pipe is closed, and then releases the block. One call at a time. */
  push(item: Item): Promise<void>;
  /** For one consumer. Ends after END was consumed; throws the reason when the pipe is closed before. */
  items(): AsyncIterable<Item>;
  /** Ends both sides at once and releases what is queued. Idempotent. */
  close(reason?: SyncError): void;
  /** Aborted by `close`. */
  readonly closed: AbortSignal;
  /** What waits in the queue. */
  readonly stats: PipeStats;
}

/** What a message weighs beside its payload. */
const messageBytes = 256;

function weigh(item: Item): number {
  switch (item.type) {
    case 'BLOCK':
      return item.bytes.byteLength;
    case 'STATE':
      // A parsed state's size is not known; its text is only kept where it must be. Stringifying per state is cheap beside sending it.
      return messageBytes + (item.exact ?? JSON.stringify(item.state)).length;
    case 'LOG':
      return messageBytes + item.log.message.length;
    case 'TRACE':
    case 'END':
      return messageBytes;
  }
}

/** `bytesMax`: the queue takes no further item while it holds this much; one item larger than that still passes alone. */
export function createPipe({ bytesMax }: { readonly bytesMax: number }): Pipe {
  const queue: { item: Item; weight: number }[] = [];
  const closing = new AbortController();
  let bytes = 0;
  let ended = false;
  let reason: SyncError | undefined;
  let wakeReader: (() => void) | undefined;
  let wakeWriter: (() => void) | undefined;

  const refusal = (): SyncError =>
    reason ??
    new SyncError('transient_error', 'The pipe between reader and writer was closed.', {
      origin: 'tidemark',
      code: 'aborted',
    });

  const wake = (): void => {
    wakeReader?.();
    wakeWriter?.();
    wakeReader = undefined;
    wakeWriter = undefined;
  };

  // Invariant 7: the queue is bounded in bytes, whatever the size of the rows.
  const isFull = (weight: number): boolean => queue.length > 0 && bytes + weight > bytesMax;

  async function push(item: Item): Promise<void> {
    const weight = weigh(item);
    while (!closing.signal.aborted && isFull(weight)) {
      await new Promise<void>((resolve) => (wakeReader = resolve));
    }
    if (closing.signal.aborted) {
      if (item.type === 'BLOCK') item.release();
      throw refusal();
    }
    queue.push({ item, weight });
    bytes += weight;
    wakeWriter?.();
    wakeWriter = undefined;
  }

  async function next(): Promise<IteratorResult<Item>> {
    while (queue.length === 0) {
      if (ended) return { done: true, value: undefined };
      if (closing.signal.aborted) throw refusal();
      await new Promise<void>((resolve) => (wakeWriter = resolve));
    }
    const { item, weight } = queue.shift()!;
    bytes -= weight;
    ended = item.type === 'END';
    wakeReader?.();
    wakeReader = undefined;
    return { done: false, value: item };
  }

  function close(why?: SyncError): void {
    if (closing.signal.aborted) return;
    reason = why;
    closing.abort(why);
    for (const { item } of queue.splice(0)) if (item.type === 'BLOCK') item.release();
    bytes = 0;
    wake();
  }

  return {
    push,
    items: () => ({
      [Symbol.asyncIterator]: () => ({
        next,
        return() {
          close();
          return Promise.resolve({ done: true as const, value: undefined });
        },
      }),
    }),
    close,
    closed: closing.signal,
    get stats() {
      return { items: queue.length, bytes };
    },
  };
}
