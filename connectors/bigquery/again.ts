import { setTimeout as sleep } from 'node:timers/promises';

/** How long one goes on asking. Invariant 7. */
export interface Patience {
  readonly triesMax: number;
  /** After the first try, ms; twice that after each further one, and up to half of it more, so that those who were refused together do not come back together. */
  readonly pauseMs: number;
  readonly pauseMsMax: number;
}

/** Repeats work that fails for a passing reason, with growing pauses. `work` is told the number of its try, from 1. */
export async function again<T>(
  { triesMax, pauseMs, pauseMsMax }: Patience,
  isPassing: (error: unknown) => boolean,
  abort: AbortSignal,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work(tries);
    } catch (error) {
      if (abort.aborted || tries >= triesMax || !isPassing(error)) throw error;
    }
    const pause = Math.min(pauseMsMax, pauseMs * 2 ** (tries - 1));
    await sleep(pause * (1 + Math.random() / 2), undefined, { signal: abort });
  }
}
