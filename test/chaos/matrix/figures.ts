import type { Finding } from '../finding.ts';
import type { Cell } from './cells.ts';
import type { Observed } from './run-cell.ts';
import { batchRecords, heartbeatTimeoutMs, records, recordsPerSecond, stream } from './scene.ts';

export const attachedMsMax = {
  /** What is killed is noticed after the heartbeat timeout; the rest is for a new process to start. */
  killed: heartbeatTimeoutMs + 10_000,
  drained: 5_000,
  /** A frozen process keeps its long polls: see docs/operations.md. */
  frozen: 90_000,
} as const;
/** A batch, and what is on its way behind it: as much as a source sends in a second, while a commit or the word of it takes its time. */
export const readAgainMax = batchRecords + recordsPerSecond;

/** What a cell measured. Absent seconds: the attempt that ran went on, or there was nothing left to commit. */
export interface Figures {
  readonly lost: number;
  readonly twice: number;
  /** Records that the source sent more than once. */
  readonly readAgain: number;
  /** Those of them that it had sent by the strike. */
  readonly readAgainOfBefore: number;
  readonly attachedMs: number | null;
  readonly checkpointMs: number | null;
  readonly attempts: number;
}

export function figuresOf(observed: Observed): Figures {
  const { struckAt, overAt, attempts, commits, sentAtStrike, sent, held, met } = observed;
  const since = (at: number | undefined): number | null =>
    at === undefined ? null : Math.max(0, at - overAt);
  const later = attempts.filter(({ at }) => at > struckAt);
  // Of attempts that began while it lasted the last one counts.
  const attached = later.find(({ at }) => at >= overAt) ?? later.at(-1);
  const fresh = commits.filter(({ at, cursor }) => at > struckAt && cursor > met.durable);
  const next = later[0]?.from[stream] ?? (later.length > 0 ? 0 : sentAtStrike);
  return {
    lost: held.missing,
    twice: held.twice,
    readAgain: sent - records,
    readAgainOfBefore: Math.max(0, sentAtStrike - next),
    attachedMs: since(attached?.at),
    checkpointMs: since((fresh.find(({ at }) => at >= overAt) ?? fresh.at(-1))?.at),
    attempts: attempts.length,
  };
}

/** Where they are others than those of the page. */
export interface Bounds {
  readonly attachedMsMax?: number;
  readonly readAgainMax?: number;
}

/** Every promise that did not hold. */
export function brokenBy(cell: Cell, observed: Observed, bounds: Bounds = {}): readonly string[] {
  const { summary, struck, attempts, struckAt, met, remains } = observed;
  const figures = figuresOf(observed);
  const { lost, twice, readAgainOfBefore, attachedMs } = figures;
  const isProgram = cell.destination === 'program';
  const from = attempts.filter(({ at }) => at > struckAt).map((one) => one.from[stream] ?? 0);
  // What a program echoed just then may not have been heard by anybody who lives: its own end alone takes nothing back.
  const truth = isProgram && cell.victim !== 'source' ? 0 : met.durable;
  const attachMax = bounds.attachedMsMax ?? attachedMsMaxOf(cell);
  const rules: readonly (readonly [boolean, string])[] = [
    [struck, 'the fault never struck'],
    [summary.outcome === 'succeeded', `the sync ${summary.outcome}`],
    [lost === 0, `${lost} records lost`],
    [isProgram || twice === 0, `${twice} records written twice`],
    [
      !isProgram || twice <= figures.readAgain,
      `${twice} records written twice that were not read again`,
    ],
    [from.every((cursor) => cursor >= truth), `an attempt began before the checkpoint at ${truth}`],
    [
      readAgainOfBefore <= (bounds.readAgainMax ?? readAgainMax),
      `${readAgainOfBefore} records read again`,
    ],
    [remains.length === 0, `left behind: ${remains.join(', ')}`],
    [(attachedMs ?? 0) <= attachMax, `attached only after ${seconds(attachedMs)}`],
  ];
  return rules.flatMap(([isKept, what]) => (isKept ? [] : [what]));
}

/** Within which time of the strike, or of the return of what was away, the next attempt must read. */
export function attachedMsMaxOf({ fault, victim }: Cell): number {
  if (victim === 'worker' && fault === 'freeze') return attachedMsMax.frozen;
  const isDrained = victim === 'worker' && fault === 'term';
  return isDrained ? attachedMsMax.drained : attachedMsMax.killed;
}

/** `figures` null: it could not be measured. */
export const findingOf = (
  what: string,
  figures: Figures | null,
  broken: readonly string[],
): Finding => ({ what, facts: factsOf(figures ?? none, figures !== null), broken });

const factsOf = (figures: Figures, isMeasured: boolean): Finding['facts'] => {
  const facts = {
    lost: figures.lost,
    'written twice': figures.twice,
    'read again': figures.readAgain,
    batches: (figures.readAgainOfBefore / batchRecords).toFixed(1),
    'attached after': seconds(figures.attachedMs),
    'checkpoint after': seconds(figures.checkpointMs),
    attempts: figures.attempts,
  };
  return isMeasured ? facts : Object.fromEntries(Object.keys(facts).map((key) => [key, '']));
};

const none: Figures = {
  ...{ lost: 0, twice: 0, readAgain: 0, readAgainOfBefore: 0, attempts: 0 },
  ...{ attachedMs: null, checkpointMs: null },
};

export const seconds = (ms: number | null): string =>
  ms === null ? 'went on' : `${(ms / 1_000).toFixed(1)} s`;
