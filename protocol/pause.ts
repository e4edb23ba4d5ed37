import type { SyncFailure } from './errors.ts';

/** A person has paused a connection: no sync of it begins, and the running one waits at a checkpoint. */
export interface Pause {
  /** ISO 8601. */
  readonly since: string;
  /** Absent: nobody said. */
  readonly by?: string;
  readonly note?: string;
  /** Syncs that would have begun since then. Absent: none. */
  readonly skipped?: SkippedSyncs;
}

export interface SkippedSyncs {
  readonly count: number;
  /** The last one; asked again, it is not counted twice. */
  readonly firstRunId: string;
  /** ISO 8601. */
  readonly at: string;
}

/** `since 2026-03-01T12:00:00.000Z by ada@host: database upgrade`. */
export function pauseText({ since, by, note }: Omit<Pause, 'skipped'>): string {
  return [
    `since ${since}`,
    ...(by === undefined ? [] : [` by ${by}`]),
    ...(note === undefined ? [] : [`: ${note}`]),
  ].join('');
}

/** Why a sync does not begin, and what to do. */
export function pausedFailure(connection: string, pause: Pause): SyncFailure {
  return {
    kind: 'config_error',
    origin: 'tidemark',
    code: 'paused',
    message: 'This connection is paused.',
    place: `${connection}, ${pauseText(pause)}`,
    remedy: `Resume it: tidemark resume ${connection}.`,
  };
}
