import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Target } from '../support/cluster-target.ts';

const pauseMs = 5;

/** Rows of a table by generation; null: there was no table. */
export type Seen = Readonly<Record<string, number>> | null;

/** Somebody who reads a table all the time, each time at one instant. */
export interface Watch {
  start(): void;
  /** What was seen, in its order, without what was the same as before. */
  readonly seen: readonly Seen[];
  /** What is seen by the next look that begins. */
  next(): Promise<Seen>;
  /** Idempotent. */
  close(): Promise<void>;
}

export function openWatch(target: Target, stream: string): Watch {
  const seen: Seen[] = [];
  let looks: Promise<void> | null = null;
  let isClosed = false;
  let broken: { readonly by: unknown } | null = null;
  let asked: {
    readonly resolve: (found: Seen) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];

  async function look(): Promise<void> {
    const askers = asked;
    asked = [];
    try {
      const found = await target.generations(stream);
      const isNews = seen.length === 0 || !isDeepStrictEqual(seen.at(-1), found);
      if (isNews) seen.push(found);
      for (const { resolve } of askers) resolve(found);
    } catch (error) {
      broken = { by: error };
      for (const { reject } of [...askers, ...asked]) reject(error);
      throw error;
    }
  }

  async function lookOn(): Promise<void> {
    while (!isClosed) {
      await look();
      await sleep(pauseMs);
    }
  }

  return {
    seen,
    start() {
      looks = lookOn();
      // Told by close.
      looks.catch(() => undefined);
    },
    next: () =>
      new Promise((resolve, reject) => {
        if (broken === null) asked.push({ resolve, reject });
        else reject(broken.by as Error);
      }),
    async close() {
      isClosed = true;
      await looks;
    },
  };
}
