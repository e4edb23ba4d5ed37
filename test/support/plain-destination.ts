import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The config of the plain destination: a program of ours that speaks the Airbyte protocol as many do. It buffers records, appends them to a file a
 * stream at every so many states, and echoes the last of these. It knows no generations: what is to be overwritten it empties as it starts.
 */
export interface PlainConfig {
  readonly directory: string;
  readonly everyStates: number;
  readonly hook?: PlainHook;
}

/**
 * Where a run meets the test, once: `loading`: it has taken `at` records. Of the first append up to a state of at least `at`: `last`: it is about to
 * be done; `durable`: it is done, and not echoed. `closing`: all is done and echoed.
 */
export interface PlainHook {
  readonly instant: 'loading' | 'last' | 'durable' | 'closing';
  readonly at: number;
  readonly meeting: string;
  readonly journal: string;
}

export const rowsFile = (directory: string, stream: string): string =>
  join(directory, `${stream}.rows`);
export const echoesFile = (directory: string): string => join(directory, 'echoes');

/** One run of `write`. */
export interface PlainRun {
  readonly pid: number;
  /** Ids that it appended, in its order. */
  readonly ids: readonly number[];
  /** Cursors of the states that it was about to echo. */
  readonly echoed: readonly number[];
}

const pairsOf = (path: string): readonly (readonly [pid: number, n: number])[] => {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => line.split(' ').map(Number) as [number, number]);
};

/** The runs that wrote something, oldest first. Of an overwritten stream only what is there. */
export function runsOf(directory: string, stream: string): readonly PlainRun[] {
  const [rows, echoes] = [pairsOf(rowsFile(directory, stream)), pairsOf(echoesFile(directory))];
  const pids = [...new Set([...rows, ...echoes].map(([pid]) => pid))];
  const of = (pairs: typeof rows, pid: number): readonly number[] =>
    pairs.flatMap(([owner, n]) => (owner === pid ? [n] : []));
  return pids.map((pid) => ({ pid, ids: of(rows, pid), echoed: of(echoes, pid) }));
}
