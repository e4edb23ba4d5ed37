import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { createChunkPool, type Chunk } from './chunks.ts';

/** A program's stdout, pulled chunk by chunk: it is read ahead by a bounded number of bytes and left alone while nobody pulls. */
export interface Output {
  /** null: it ended. Rejects with the reason of `stop`. One call at a time. Whoever gets a chunk holds it, or its bytes change soon. */
  next(): Promise<Chunk | null>;
  /** When it last showed life, epoch ms. */
  readonly livedAt: number;
  /** The program showed life elsewhere. */
  lives(): void;
  /** Ends the wait at hand and all later ones; what it has printed is left for `rest`. The first reason stands. */
  stop(reason: Error): void;
  /** What it has printed and nobody has taken, to its end or for so long, ms. Of a program that was killed. */
  rest(msMax: number): AsyncGenerator<Chunk, void, undefined>;
  /** Frees everything. Idempotent. */
  close(): void;
}

/** Bytes read ahead of the consumer, beside the chunk that passes this mark. */
const aheadBytesMax = 256 * 1024;
/** Half of what a socket holds: from the read to the write it stays in the processor's cache, which saves a quarter of the CPU. */
const bufferBytes = 128 * 1024;
/** For the beginning of a line whose end is in the next buffer: lines are seldom longer. */
const roomBytes = 64 * 1024;
/** 6 MiB in all. */
const buffersMax = 32;

export function createOutput(stdout: Readable): Output {
  const pool = createChunkPool({ bufferBytes, roomBytes, buffersMax, freed: () => goOn() });
  const ahead: Chunk[] = [];
  let aheadBytes = 0;
  let ended = false;
  let stopped: Error | null = null;
  let livedAt = Date.now();
  let wake: (() => void) | null = null;

  const settle = (): void => {
    wake?.();
    wake = null;
  };

  const socket = intoBuffers(stdout, {
    buffer: () => pool.take(),
    filled: (buffer, bytes) => {
      livedAt = Date.now();
      ahead.push(pool.chunk(buffer, bytes));
      aheadBytes += bytes;
      // Invariant 7: backpressure reaches the program through its full socket. What is filled next takes one buffer more.
      if (aheadBytes >= aheadBytesMax || pool.free === 1) socket.pause();
      settle();
    },
  });

  /** Only when all is taken: stopping and starting for each chunk costs more than the wait. */
  function goOn(): void {
    if (ahead.length === 0 && pool.free > 0 && socket.isPaused()) socket.resume();
  }

  const stop = (reason: Error): void => {
    if (ended && ahead.length === 0) return;
    stopped ??= reason;
    settle();
  };
  const end = (): void => {
    ended = true;
    settle();
  };
  socket.once('error', stop);
  socket.once('close', end);
  socket.once('end', end);
  socket.resume();

  const take = (): Chunk | null => {
    const chunk = ahead.shift() ?? null;
    aheadBytes -= chunk?.bytes.length ?? 0;
    goOn();
    return chunk;
  };

  return {
    async next() {
      while (ahead.length === 0 && !ended && stopped === null) {
        await new Promise<void>((resolve) => (wake = resolve));
      }
      if (stopped !== null) throw stopped;
      return take();
    },
    async *rest(msMax) {
      const timer = setTimeout(end, msMax);
      try {
        for (;;) {
          while (ahead.length === 0 && !ended)
            await new Promise<void>((resolve) => (wake = resolve));
          const chunk = take();
          if (chunk === null) return;
          yield chunk;
        }
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      ahead.length = 0;
      socket.destroy();
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

interface IntoBuffers {
  /** The next buffer to fill. */
  readonly buffer: () => Buffer;
  /** So many bytes of it were filled. */
  readonly filled: (buffer: Buffer, bytes: number) => void;
}

/**
 * The same pipe, read into buffers of ours: a stream's own events allocate a buffer for each read and cost a quarter more CPU. `handle` is no
 * documented option of Socket, though Node's own child processes are made with it; there is no other way to give a child's pipe `onread`.
 */
function intoBuffers(stream: Readable, { buffer, filled }: IntoBuffers): Socket {
  const owner = stream as Readable & { _handle: object | null };
  const handle = owner._handle;
  // The pipe has one owner.
  owner._handle = null;
  return new Socket({
    handle,
    writable: false,
    onread: {
      buffer,
      callback(bytes: number, into: Uint8Array) {
        filled(into as Buffer, bytes);
        // `false` would stop it without a next buffer: then it goes on in this one.
        return true;
      },
    },
  } as ConstructorParameters<typeof Socket>[0]);
}
