import type { Writable } from 'node:stream';

/** A program's stdin, given to it as fast as it takes it. */
export interface Feed {
  /** Resolves once the program's pipe has taken the bytes: they are the caller's again. Also when it takes nothing any more. */
  send(bytes: Uint8Array | string): Promise<void>;
  /** It takes nothing any more: it closed its stdin, or is gone. */
  readonly isOver: boolean;
  /** Since when it has not taken what it was given, or has not ended after its input did, epoch ms; null: it is owed something. */
  readonly waitingSince: number | null;
  /** The end of its input. Idempotent. */
  end(): void;
}

/** `over` is called once when it takes nothing any more. */
export function createFeed(stdin: Writable, over: () => void): Feed {
  let isOver = false;
  let isEnded = false;
  let waitingSince: number | null = null;
  let settle: (() => void) | null = null;
  const close = (): void => {
    if (isOver) return;
    isOver = true;
    settle?.();
    if (!isEnded) over();
  };
  // How the program ends says why; that it reads no more is no failure by itself.
  stdin.on('error', close);
  stdin.on('close', close);

  return {
    async send(bytes) {
      if (isOver || isEnded) return;
      waitingSince = Date.now();
      await new Promise<void>((resolve) => {
        settle = resolve;
        stdin.write(bytes, () => resolve());
      });
      settle = null;
      if (!isEnded) waitingSince = null;
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
