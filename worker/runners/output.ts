import type { Readable } from 'node:stream';

/** A stream pulled chunk by chunk: it is read ahead by a bounded number of bytes and paused while nobody pulls. */
export interface Output {
  /** null: it ended. Rejects with the reason of `stop`. One call at a time. */
  next(): Promise<Buffer | null>;
  /** Since when a caller waits for the next chunk, epoch ms; null: nobody waits. */
  readonly waitingSince: number | null;
  /** When it last showed life, epoch ms. */
  readonly livedAt: number;
  /** The program showed life elsewhere. */
  lives(): void;
  /** Ends the wait at hand and all later ones; what was read ahead is dropped. The first reason stands. */
  stop(reason: Error): void;
}

/** Bytes read ahead of the consumer, beside the chunk that passes this mark. */
const aheadBytesMax = 256 * 1024;

export function createOutput(stream: Readable): Output {
  const ahead: Buffer[] = [];
  let aheadBytes = 0;
  let ended = false;
  let stopped: Error | null = null;
  let waitingSince: number | null = null;
  let livedAt = Date.now();
  let wake: (() => void) | null = null;

  const settle = (): void => {
    wake?.();
    wake = null;
  };
  const stop = (reason: Error): void => {
    if (ended && ahead.length === 0) return;
    stopped ??= reason;
    ahead.length = 0;
    stream.destroy();
    settle();
  };

  stream.on('data', (chunk: Buffer) => {
    livedAt = Date.now();
    ahead.push(chunk);
    aheadBytes += chunk.length;
    // Invariant 7: backpressure reaches the program through its full pipe.
    if (aheadBytes >= aheadBytesMax) stream.pause();
    settle();
  });
  stream.once('error', stop);
  stream.once('close', () => {
    ended = true;
    settle();
  });
  stream.once('end', () => {
    ended = true;
    settle();
  });

  return {
    async next() {
      while (ahead.length === 0 && !ended && stopped === null) {
        waitingSince = Date.now();
        await new Promise<void>((resolve) => (wake = resolve));
        waitingSince = null;
      }
      if (stopped !== null) throw stopped;
      const chunk = ahead.shift() ?? null;
      aheadBytes -= chunk?.length ?? 0;
      // Only when all is taken: stopping and starting for each chunk costs more than the wait.
      if (stream.isPaused() && ahead.length === 0) stream.resume();
      return chunk;
    },
    get waitingSince() {
      return waitingSince;
    },
    get livedAt() {
      return livedAt;
    },
    lives() {
      livedAt = Date.now();
    },
    stop,
  };
}
