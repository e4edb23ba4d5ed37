import type { Item } from '../protocol/index.ts';
import { createLatch } from './latch.ts';

/** What the writer's loop acts on next. */
export type Event =
  { readonly type: 'item'; readonly item: Item } | { readonly type: 'time' | 'drain' | 'closed' };

export interface Intake {
  /** The next item, or `time` once `wakeAt` (ms of performance.now) has passed, or `drain` once asked (from then on always). */
  next(wakeAt: number | null): Promise<Event>;
  close(): Promise<void>;
}

/** Pulls items one at a time, and lets time and a drain come between them. Rejects when the items do, or as `abort` says. */
export function createIntake(
  items: AsyncIterable<Item>,
  drain: AbortSignal,
  abort: AbortSignal,
): Intake {
  const iterator = items[Symbol.asyncIterator]();
  const latch = createLatch();
  let pulling = false;
  let closed = false;
  let arrived: IteratorResult<Item> | undefined;
  let failure: { readonly error: unknown } | undefined;

  drain.addEventListener('abort', latch.wake, { once: true });
  abort.addEventListener('abort', latch.wake, { once: true });

  function pull(): void {
    pulling = true;
    iterator.next().then(
      (result) => {
        if (closed) return release(result);
        arrived = result;
        latch.wake();
      },
      (error: unknown) => {
        failure = { error };
        latch.wake();
      },
    );
  }

  async function next(wakeAt: number | null): Promise<Event> {
    let expired = false;
    const expire = (): void => {
      expired = true;
      latch.wake();
    };
    const timer =
      wakeAt === null ? undefined : setTimeout(expire, Math.max(0, wakeAt - performance.now()));
    try {
      for (;;) {
        abort.throwIfAborted();
        if (drain.aborted) return { type: 'drain' };
        if (failure !== undefined) throw failure.error;
        if (arrived !== undefined) {
          const result = arrived;
          arrived = undefined;
          pulling = false;
          return result.done ? { type: 'closed' } : { type: 'item', item: result.value };
        }
        if (expired) return { type: 'time' };
        if (!pulling) pull();
        await latch.wait();
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async function close(): Promise<void> {
    drain.removeEventListener('abort', latch.wake);
    abort.removeEventListener('abort', latch.wake);
    closed = true;
    if (arrived !== undefined) release(arrived);
    arrived = undefined;
    const returned = iterator.return?.();
    // A generator queues its return behind the pull that is under way, which may never end.
    if (pulling) returned?.catch(() => undefined);
    else await returned;
  }

  return { next, close };
}

function release(result: IteratorResult<Item>): void {
  if (result.done !== true && result.value.type === 'BLOCK') result.value.release();
}
