import type { CadenceBounds } from '../protocol/index.ts';

/** Commits may cost this share of the time. */
const commitShare = 0.05;
/** Weight of the newest commit in the learned cost. */
const learning = 0.3;
/** The most that a covered state waits, whatever the bounds say (design §5). */
export const intervalMsLimit = 15 * 60_000;

/** What waits for a commit. */
export interface Waiting {
  /** Bytes that states cover and no commit has taken. */
  readonly bytes: number;
  /** When the oldest of them was covered; ms of the same clock as `now`. */
  readonly since: number;
}

/** Decides at states when to commit: when the batch is big enough or old enough. Learns what a commit costs and stretches the interval to it. */
export interface Cadence {
  isDue(waiting: Waiting, now: number): boolean;
  /** When `waiting` becomes due by age. */
  dueAt(waiting: Waiting): number;
  learn(commitMs: number): void;
  /** The interval in force, and the cost it was learned from; for people. */
  readonly intervalMs: number;
  readonly commitMs: number | null;
}

export function createCadence({
  batchBytesMax,
  intervalMsMin,
  intervalMsMax,
}: CadenceBounds): Cadence {
  const ceiling = Math.min(intervalMsMax, intervalMsLimit);
  const floor = Math.min(intervalMsMin, ceiling);
  let cost: number | null = null;

  const interval = (): number =>
    cost === null ? floor : Math.min(ceiling, Math.max(floor, cost / commitShare - cost));

  return {
    isDue: ({ bytes, since }, now) => bytes >= batchBytesMax || now - since >= interval(),
    dueAt: ({ since }) => since + interval(),
    learn(commitMs) {
      cost = cost === null ? commitMs : cost + learning * (commitMs - cost);
    },
    get intervalMs() {
      return interval();
    },
    get commitMs() {
      return cost;
    },
  };
}
