import { asSyncError, SyncError, type Checkpoint, type Scope } from '../protocol/index.ts';
import { isUnreachable } from './connection-client.ts';

/** Commits to the connection workflow are at least this far apart: each is five events of its history. */
const spacingMs = 2_000;
/** Commits of large states are further apart, so that the history grows by no more than this a second (of JSON, before its compression). */
const historyBytesPerSecond = 256 * 1024;
const spacingMsMax = 60_000;
/** More is not sent at once, but for a single state: the server takes 2 MiB, compressed. */
const unacknowledgedBytesMax = 1024 * 1024;
const retryMs = 1_000;

/**
 * Tells the connection workflow of checkpoints: one call in flight, the newest of each scope, tried again while Temporal cannot be reached.
 * A refusal ends it.
 */
export interface Committer {
  /** `bytes`: of JSON. */
  offer(checkpoint: Checkpoint, bytes: number): void;
  /** What is unacknowledged has to be flushed before this one is offered, else it would not fit into a heartbeat with it. */
  isFullFor(checkpoint: Checkpoint, bytes: number): boolean;
  readonly unacknowledgedBytes: number;
  /** Offered and not acknowledged yet. */
  readonly unacknowledged: ReadonlyMap<Scope, Checkpoint>;
  /** When the last call that was acknowledged was made, ms of performance.now: its answer may have lain unread while the process was frozen. */
  readonly acknowledgedAt: number;
  /** Resolves once the connection workflow has said, from now on, that this writer is not fenced off. */
  permit(): Promise<void>;
  /** Resolves once everything offered is acknowledged. Rejects with the refusal, or as transient after `msMax`. */
  flush(msMax: number): Promise<void>;
  stop(): void;
}

export interface CommitterOptions {
  /** When the writer attached, ms of performance.now: until the first call is acknowledged, that counts. */
  readonly attachedAt: number;
  readonly send: (checkpoints: readonly Checkpoint[]) => Promise<void>;
  readonly onRefused: (error: SyncError) => void;
}

interface Waiter {
  /** The answers of earlier calls do not count. */
  readonly call: number;
  resolve(): void;
  reject(error: SyncError): void;
}

export function createCommitter({ attachedAt, send, onRefused }: CommitterOptions): Committer {
  const unacknowledged = new Map<Scope, Checkpoint>();
  const sizes = new Map<Scope, number>();
  let unacknowledgedBytes = 0;
  /** Of the last call. */
  let sentBytes = 0;
  let waiters: Waiter[] = [];
  let calls = 0;
  let acknowledgedAt = attachedAt;
  let sentAt = -Infinity;
  let running = false;
  let stopped = false;
  let refusal: SyncError | undefined;
  let wake: (() => void) | undefined;

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      wake = done;
      function done(): void {
        clearTimeout(timer);
        wake = undefined;
        resolve();
      }
    });

  const hasWork = (): boolean => !stopped && (unacknowledged.size > 0 || waiters.length > 0);

  async function run(): Promise<void> {
    while (hasWork()) {
      const heldMs = Math.min(spacingMsMax, (sentBytes / historyBytesPerSecond) * 1_000);
      const gap = sentAt + Math.max(spacingMs, heldMs) - performance.now();
      if (gap > 0 && waiters.length === 0) await pause(gap);
      else await call();
    }
    running = false;
  }

  async function call(): Promise<void> {
    const sent = new Map(unacknowledged);
    const number = ++calls;
    const madeAt = performance.now();
    sentAt = madeAt;
    sentBytes = unacknowledgedBytes;
    try {
      await send([...sent.values()]);
    } catch (error) {
      if (isUnreachable(error)) return pause(retryMs);
      return refuse(asSyncError(error));
    }
    acknowledgedAt = madeAt;
    for (const [scope, checkpoint] of sent)
      if (unacknowledged.get(scope) === checkpoint) forget(scope);
    const served = waiters.filter((waiter) => waiter.call <= number);
    waiters = waiters.filter((waiter) => waiter.call > number);
    for (const waiter of served) waiter.resolve();
  }

  const bytesOf = (scope: Scope): number => sizes.get(scope) ?? 0;

  function forget(scope: Scope): void {
    unacknowledgedBytes -= bytesOf(scope);
    sizes.delete(scope);
    unacknowledged.delete(scope);
  }

  function refuse(error: SyncError): void {
    refusal = error;
    stopped = true;
    for (const waiter of waiters.splice(0)) waiter.reject(error);
    onRefused(error);
  }

  function kick(): void {
    wake?.();
    if (running || stopped) return;
    running = true;
    void run();
  }

  /** Waits for the answer of call `number` or a later one. */
  function answerOf(number: number): Promise<void> {
    if (refusal !== undefined) return Promise.reject(refusal);
    return new Promise((resolve, reject) => {
      waiters.push({ call: number, resolve, reject });
      kick();
    });
  }

  async function settle(): Promise<void> {
    while (unacknowledged.size > 0) await answerOf(calls);
  }

  return {
    offer(checkpoint, bytes) {
      const { scope } = checkpoint;
      unacknowledgedBytes += bytes - bytesOf(scope);
      sizes.set(scope, bytes);
      unacknowledged.set(scope, checkpoint);
      if (!running) kick();
    },
    isFullFor({ scope }, bytes) {
      const others = unacknowledgedBytes - bytesOf(scope);
      return others > 0 && others + bytes > unacknowledgedBytesMax;
    },
    unacknowledged,
    get unacknowledgedBytes() {
      return unacknowledgedBytes;
    },
    get acknowledgedAt() {
      return acknowledgedAt;
    },
    permit: () => answerOf(calls + 1),
    async flush(msMax) {
      if (refusal !== undefined) throw refusal;
      await within(settle(), msMax);
    },
    stop() {
      stopped = true;
      wake?.();
    },
  };
}

async function within(work: Promise<void>, msMax: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new SyncError(
      'transient_error',
      'Temporal did not take the checkpoints in time.',
      {
        origin: 'tidemark',
        remedy: 'Check that Temporal and a worker run. Nothing is lost: the sync resumes.',
        facts: { unreachable: true },
      },
    );
    timer = setTimeout(() => reject(error), msMax);
  });
  // When the time is up the call may still be refused later.
  work.catch(() => undefined);
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
