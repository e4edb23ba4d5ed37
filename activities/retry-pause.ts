/** Pauses by attempts in a row without a new checkpoint; the last one repeats. */
const pausesMs = [1_000, 2_000, 5_000, 10_000, 30_000, 60_000];
/** The longest wait for a rate limit's reset. */
export const quotaMsMax = 24 * 3_600_000;

export interface Failed {
  /** Checkpoints that the failed attempt made. */
  readonly echoes: number;
  /** Attempts in a row that made none, this one included. */
  readonly without: number;
  /** When the source has its quota back, epoch ms; null: it waits for none. */
  readonly resetMs: number | null;
}

/** How long to wait before the next attempt, ms: until the quota is back, else longer the longer nothing came of it. Pure. */
export function retryPauseMs({ echoes, without, resetMs }: Failed, now: number): number {
  if (resetMs !== null) return Math.min(quotaMsMax, Math.max(1, resetMs - now));
  const nth = echoes > 0 ? 1 : Math.max(without, 1);
  return pausesMs[Math.min(nth, pausesMs.length) - 1]!;
}
