import { allCells, isServing, type Cell } from './cells.ts';
import { coverPairs } from './pairwise.ts';

/** Cells that cannot be: those that have one of the values named, of each member that is named. */
interface Exclusion {
  readonly of: { readonly [K in keyof Cell]?: readonly Cell[K][] };
  readonly because: string;
}

const network = ['cut', 'slow', 'lost'] as const;
const serverless = ['duckdb', 'files'] as const;

/** The first that meets a cell tells why. */
export const exclusions: readonly Exclusion[] = [
  {
    of: { victim: ['source'], fault: network },
    because: 'a source process has no network of ours: it speaks through a pipe',
  },
  {
    of: { victim: ['source'], fault: ['disk'] },
    because: 'the exact source keeps nothing on a disk',
  },
  {
    of: { victim: ['source'], fault: ['restart'] },
    because: 'a source is started anew by its worker: SIGKILL and SIGTERM show that',
  },
  {
    of: { victim: ['source'], instant: ['end', 'publish'] },
    because: 'the source has ended once everything it sent is durable',
  },
  {
    of: { victim: ['worker'], fault: network },
    because:
      'a worker’s network is its links to the destination and to Temporal: victims of their own',
  },
  {
    of: { victim: ['worker'], fault: ['disk'], destination: ['postgres', 'mysql', 'program'] },
    because: 'what goes there is streamed: nothing is staged on the worker’s disk',
  },
  {
    of: { victim: ['worker'], fault: ['disk'], destination: ['files'] },
    because: 'files are staged where they land: the destination’s disk',
  },
  {
    of: { victim: ['temporal'], fault: ['term'] },
    because: 'Temporal ends on SIGTERM and is started again: restart',
  },
  {
    of: { victim: ['temporal'], fault: ['disk'] },
    because: 'a Temporal that cannot write is one that is away: SIGKILL and SIGSTOP show that',
  },
  {
    of: {
      victim: ['destination'],
      destination: serverless,
      fault: ['kill', 'term', 'freeze', 'restart', ...network],
    },
    because: 'DuckDB and files have no server and no network: they are files of the worker’s host',
  },
  {
    of: { victim: ['destination'], destination: ['program'], fault: network },
    because: 'a program has no network of ours: it is a child of its worker',
  },
  {
    of: { victim: ['destination'], destination: ['program'], fault: ['restart'] },
    because: 'a program is started anew by its worker: SIGKILL and SIGTERM show that',
  },
  {
    of: { victim: ['destination'], destination: ['postgres'], fault: ['term'] },
    because: 'Postgres answers SIGTERM by waiting for its sessions: its fast stop is restart',
  },
  {
    of: { victim: ['destination'], destination: ['mysql', 's3'], fault: ['term'] },
    because: 'MySQL and an S3 server end on SIGTERM and are started again: restart',
  },
  {
    of: { victim: ['destination'], destination: ['mysql', 's3'], fault: ['disk'] },
    because:
      'a MySQL or S3 server keeps what runs it and what it is given on one disk: without room it refuses or is away, which SIGKILL and SIGSTOP show',
  },
  {
    of: { instant: ['publish'], destination: ['program'] },
    because: 'another program publishes by itself: there is no instant of ours',
  },
  {
    of: { victim: ['destination'], instant: ['end'], fault: ['lost'] },
    because: 'the last session is being closed: nothing more is answered',
  },
  {
    of: { victim: ['destination'], instant: ['end'], fault: ['slow'], destination: ['s3'] },
    because: 'a writer into S3 has nothing more to say at the end: there is nothing to be slow',
  },
  {
    of: { instant: ['end'], fault: ['disk'] },
    because: 'everything is durable: nothing more is written',
  },
];

/** Why a combination cannot be; null: it can. */
export function excludedBecause(cell: Cell): string | null {
  const meets = ({ of }: Exclusion): boolean =>
    (Object.keys(of) as (keyof Cell)[]).every((key) =>
      (of[key] as readonly string[]).includes(cell[key]),
    );
  return exclusions.find(meets)?.because ?? null;
}

export const applicableCells: readonly Cell[] = allCells.filter(
  (cell) => excludedBecause(cell) === null,
);

/** What holds where this process may not mount the disk that it fills. */
export const unmountable =
  'a full disk needs the right to mount a tmpfs, which this machine did not give';

/**
 * The promises that all else rests on: a worker that is killed, at every instant, one that drains, both into every destination; a destination's
 * server that is killed in a commit, or whose answer to it is lost.
 */
const isCore = ({ fault, victim, instant, destination }: Cell): boolean =>
  victim === 'worker'
    ? fault === 'kill' || (fault === 'term' && instant === 'mid')
    : victim === 'destination' &&
      isServing(destination) &&
      instant === 'commit' &&
      (fault === 'kill' || fault === 'lost');

/** The cells of a run: every pair of values that can be, and all of the core. */
export const chosenCells = (random: () => number, mayMount: boolean): readonly Cell[] =>
  coverPairs(
    applicableCells.filter(({ fault }) => mayMount || fault !== 'disk'),
    random,
    isCore,
  );
