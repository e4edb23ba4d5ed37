import type { Writable } from 'node:stream';
import { createLatch } from '../../engine/latch.ts';

/** What waits in this process to be given to a program. So much, and the source is read on while the program takes its turn. Invariant 7. */
const waitingBytesMax = 512 * 1024;

/** A program's stdin, given to it as fast as it takes it, in order, one piece at a time. */
export interface Feed {
  /**
   * Resolves once there is room for more. `taken`: the program's pipe has the bytes, or takes nothing any more: they are the caller's again.
   * Called exactly once.
   */
  send(bytes: Uint8Array | string, taken?: () => void): Promise<void>;
  /** Resolves once the program's pipe has all that was sent, or takes nothing any more. */
  given(): Promise<void>;
  /** It takes nothing any more: it closed its stdin, or is gone, or may be given nothing. */
  readonly isOver: boolean;
  /** Since when it has not taken what it was given, or has not ended after its input did, epoch ms; null: it is owed something. */
  readonly waitingSince: number | null;
  /** The end of its input; what still waits is not given. Idempotent. */
  end(): void;
}

export interface FeedOptions {
  /** Awaited right before each piece is given, so that a process that was frozen gives nothing that waited. Invariant 3. */
  readonly permit: () => Promise<void>;
  /** Called at most once: the program takes nothing any more. */
  readonly over: () => void;
  /** Called at most once: the permit was refused, so nothing more is given. */
  readonly refused: (error: unknown) => void;
}

interface Piece {
  readonly bytes: Uint8Array | string;
  readonly size: number;
  readonly taken: () => void;
}

export function createFeed(stdin: Writable, { permit, over, refused }: FeedOptions): Feed {
  const waiting: Piece[] = [];
  const progress = createLatch();
  let waitingBytes = 0;
  let isGiving = false;
  let isOver = false;
  let isEnded = false;
  let waitingSince: number | null = null;
  let settle: () => void = () => undefined;

  const letGo = (): void => {
    const piece = waiting.shift();
    if (piece === undefined) return;
    waitingBytes -= piece.size;
    piece.taken();
    progress.wake();
  };
  const stop = (): void => {
    isOver = true;
    settle();
    while (waiting.length > 0) letGo();
  };
  const closed = (): void => {
    if (isOver) return;
    stop();
    if (!isEnded) over();
  };
  // How the program ends says why; that it reads no more is no failure by itself.
  stdin.on('error', closed);
  stdin.on('close', closed);

  const give = async ({ bytes }: Piece): Promise<void> => {
    await permit();
    if (isOver || isEnded) return;
    waitingSince = Date.now();
    await new Promise<void>((resolve) => {
      settle = resolve;
      stdin.write(bytes, () => resolve());
    });
    if (!isEnded) waitingSince = null;
  };
  const giveAll = async (): Promise<void> => {
    isGiving = true;
    try {
      for (; waiting.length > 0; letGo()) await give(waiting[0]!);
    } catch (error) {
      stop();
      refused(error);
    }
    isGiving = false;
  };

  return {
    async send(bytes, taken = () => undefined) {
      if (isOver || isEnded) return taken();
      const size = Buffer.byteLength(bytes);
      waiting.push({ bytes, size, taken });
      waitingBytes += size;
      if (!isGiving) void giveAll();
      while (waitingBytes > waitingBytesMax) await progress.wait();
    },
    async given() {
      while (waiting.length > 0) await progress.wait();
    },
    get isOver() {
      return isOver;
    },
    get waitingSince() {
      return waitingSince;
    },
    end() {
      if (isEnded) return;
      isEnded = true;
      waitingSince = Date.now();
      stdin.end();
    },
  };
}
