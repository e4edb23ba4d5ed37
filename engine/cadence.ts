import type {
  CadenceBounds,
  CadenceFacts,
  CommitReason,
  WarehouseCost,
} from '../protocol/index.ts';

/** Commits may cost this share of the time. */
const commitShare = 0.05;
/** Weight of the newest commit in the learned cost. */
const learning = 0.3;
/** The most that a covered state waits, whatever the bounds say (design §5). */
export const intervalMsLimit = 15 * 60_000;

const mebibyte = 1024 * 1024;
/** To what people read. */
const rounded = (n: number): number => Math.round(n * 1_000) / 1_000;

/** What waits for a commit. */
export interface Waiting {
  /** Bytes that states cover and no commit has taken. */
  readonly bytes: number;
  /** When the oldest of them was covered; ms of the same clock as `now`. */
  readonly since: number;
}

/** Decides at states when to commit: when the batch is big enough or old enough. Learns what a commit costs and stretches the interval to it. */
export interface Cadence {
  /** Why a commit is due; null: none is. */
  whyDue(waiting: Waiting, now: number): CommitReason | null;
  /** When `waiting` becomes due by age. */
  dueAt(waiting: Waiting): number;
  /** A commit was made. `bytes`: that it took. */
  learn(commit: {
    readonly ms: number;
    readonly bytes: number;
    readonly cost?: WarehouseCost | undefined;
  }): void;
  /** `why`: the last commit was made; `now`: on the clock of `startedAt`. */
  facts(why: CommitReason, now: number): CadenceFacts;
}

/** `startedAt`: when writing began, ms. */
export function createCadence(
  { batchBytesMax, intervalMsMin, intervalMsMax }: CadenceBounds,
  startedAt: number,
): Cadence {
  const ceiling = Math.min(intervalMsMax, intervalMsLimit);
  const floor = Math.min(intervalMsMin, ceiling);
  let cost: number | null = null;
  let commits = 0;
  let spentMs = 0;
  let bytesTaken = 0;
  let charged: WarehouseCost | null = null;

  const interval = (): number =>
    cost === null ? floor : Math.min(ceiling, Math.max(floor, cost / commitShare - cost));

  return {
    whyDue({ bytes, since }, now) {
      if (bytes >= batchBytesMax) return 'batch full';
      return now - since >= interval() ? 'interval' : null;
    },
    dueAt: ({ since }) => since + interval(),
    learn({ ms, bytes, cost: charge }) {
      cost = cost === null ? ms : cost + learning * (ms - cost);
      commits += 1;
      spentMs += ms;
      bytesTaken += bytes;
      if (charge !== undefined) charged = sum(charged, charge);
    },
    facts: (why, now) => ({
      why,
      commits,
      commitMs: Math.round(cost ?? 0),
      msPerMib: bytesTaken === 0 ? null : rounded(spentMs / (bytesTaken / mebibyte)),
      intervalMs: Math.round(interval()),
      share: now > startedAt ? Math.min(1, rounded(spentMs / (now - startedAt))) : 0,
      ...(charged !== null && { cost: charged }),
    }),
  };
}

const sum = (a: WarehouseCost | null, b: WarehouseCost): WarehouseCost => ({
  stagedBytes: (a?.stagedBytes ?? 0) + b.stagedBytes,
  busyMs: (a?.busyMs ?? 0) + b.busyMs,
});
