import { allCells, destinations, type Cell } from '../matrix/cells.ts';
import { applicableCells, exclusions, unmountable } from '../matrix/applicable.ts';
import { attachedMsMax, readAgainMax, seconds, type Figures } from '../matrix/figures.ts';
import type { Measured } from '../matrix/matrix.ts';
import { batchRecords, heartbeatTimeoutMs, records, recordsPerSecond } from '../matrix/scene.ts';
import { awayMs, frozenMs } from '../matrix/strikes.ts';
import { complaintsPart } from './complaints.ts';
import { factLines, type PublishedRun } from './run-facts.ts';

/** A whole run. */
export interface Run extends PublishedRun {
  readonly measured: readonly Measured[];
  /** Whether disks could be filled. */
  readonly mayMount: boolean;
  /** See `soakPartIn`. */
  readonly soak: string;
}

/** docs/reliability.md: everything that is a figure comes from the run. */
export function pageOf(run: Run): string {
  const parts = [
    head(run),
    method(),
    '## By promise',
    summary(run.measured),
    '## Cells',
    `Times count from the strike, or from the return of what was away; *went on*: the attempt that ran did not end. *Batches*: of ${batchRecords} records, what was sent before the strike and read again. *Checkpoint*: until a commit beyond the last one before the strike.`,
    cellTable(run.measured),
    '## Left out',
    `${allCells.length - applicableCells.length} of ${allCells.length} combinations cannot be:`,
    exclusions.map(({ because }) => `* ${because}`).join('\n'),
    ...(run.mayMount ? [] : [`**In this run also: ${unmountable}.**`]),
    '## Soak',
    run.soak,
    '## What people complain about',
    'Each answer with tests of `npm test` that show it; a test sees to it that they are there.',
    complaintsPart(),
  ];
  return `${parts.join('\n\n')}\n`;
}

function head(run: Run): string {
  const { seed, measured } = run;
  const kept = measured.filter(({ broken }) => broken.length === 0).length;
  return [
    '# Reliability',
    '',
    'Written by `npm run chaos -- --publish`, the soak’s part with `--only soak`; do not edit. What is promised, and what a run measured.',
    '',
    `**${kept} of ${measured.length} cells kept every promise.**`,
    ...notRun(measured),
    '',
    ...factLines(
      run,
      `\`npm run chaos -- --seed ${seed}\`; one cell: \`--seed ${seed} --cell <id>\``,
    ),
  ].join('\n');
}

/** What no cell of a run wrote into: nothing is said of it. */
function notRun(measured: readonly Measured[]): readonly string[] {
  const run = new Set(measured.map(({ job }) => job.cell.destination));
  const missing = Object.entries(destinations).filter(
    ([destination]) => !run.has(destination as Cell['destination']),
  );
  const words = missing.map(([, word]) => word).join(', ');
  return words === '' ? [] : ['', `**Not run yet: cells into ${words}.**`];
}

function method(): string {
  const lines = [
    '## Method',
    '',
    `Each cell is one sync of ${records} records, ${recordsPerSecond} a second, from a source that keeps a journal of every record it sends, into a real destination, over`,
    'real servers and worker processes. Whoever comes to the instant of the cell waits there, the fault strikes, and it goes on: a hook in the',
    'contracts that connectors fulfil, which no product code knows of. The fault strikes once; a cell in which it was not felt is broken. Then nobody helps: a',
    'killed or ended worker is replaced by another, as a supervisor does, and the sync has to complete by itself. What the destination holds is counted by another',
    'program.',
    '',
    `* Heartbeat timeout ${seconds(heartbeatTimeoutMs)} (default 30 s); at most ${batchRecords} records between commits, the default budget of attempts.`,
    `* Away, cut, slow (1,000 bytes a second), full: for ${seconds(awayMs)}. Frozen: for ${seconds(frozenMs)}. A server is killed with all its sessions.`,
    '* A full disk is a tmpfs of 16 MB, filled to its last block as long as it lasts: of the DuckDB worker’s staging directory, the temporary directory of a worker that writes into S3, the directory of the DuckDB file or the files, a tablespace of Postgres, the program’s directory.',
    '* `a program`: one that speaks the Airbyte protocol, and so at least once: what came after its last echo may be there twice.',
    '* The cells are chosen by the seed so that every pair of fault, victim, instant and destination that can be is in one; a killed worker is shown at every instant, into every destination; a destination’s server is killed in a commit, and its answer to one lost. Beside them: longer outages.',
    '* After a long outage a sync does not go on at once. Temporal’s SDK pauses up to 10 s between two questions to a server that is away; between two attempts that come to nothing the pause grows to a minute. With the default budget of 10 attempts a destination may be away for nearly five minutes; then the sync fails, and the next one goes on from its checkpoint.',
    '* Into Snowflake, BigQuery and Redshift nothing is struck here. `npm run chaos -- --only warehouses` kills a worker at each step of a load into each, on emulators, and looks for what stays behind.',
    '* Two cells run at a time.',
  ];
  return lines.join('\n');
}

interface Claim {
  readonly what: string;
  readonly bound: string;
  /** null: the cell is not about it. */
  readonly of: (figures: Figures, cell: Cell) => number | null;
  readonly shown: (worst: number) => string;
}

const isAttached =
  (about: (cell: Cell) => boolean): Claim['of'] =>
  ({ attachedMs }, cell) =>
    about(cell) ? attachedMs : null;
const isWorker = ({ victim }: Cell): boolean => victim === 'worker';
const isProcess = ({ victim, destination }: Cell): boolean =>
  victim === 'worker' ||
  victim === 'source' ||
  (victim === 'destination' && destination === 'program');
const count = (n: number): string => n.toLocaleString('en-US');

const claims: readonly Claim[] = [
  { what: 'no record is lost', bound: '0', of: ({ lost }) => lost, shown: count },
  {
    what: 'no record is written twice into Postgres, MySQL, DuckDB, files or S3',
    bound: '0',
    of: ({ twice }, { destination }) => (destination === 'program' ? null : twice),
    shown: count,
  },
  {
    what: 'a program as destination: written twice, only after its last echo',
    bound: 'what is read again',
    of: ({ twice }, { destination }) => (destination === 'program' ? twice : null),
    shown: count,
  },
  {
    what: 'of what was sent before the strike no more is read again than a batch and what is on its way',
    bound: count(readAgainMax),
    of: ({ readAgainOfBefore }) => readAgainOfBefore,
    shown: count,
  },
  {
    what: 'a process that is killed: the next attempt reads',
    bound: seconds(attachedMsMax.killed),
    of: isAttached((cell) => cell.fault === 'kill' && isProcess(cell)),
    shown: seconds,
  },
  {
    what: 'a worker that drains, another being there: the next attempt reads',
    bound: seconds(attachedMsMax.drained),
    of: isAttached((cell) => cell.fault === 'term' && isWorker(cell)),
    shown: seconds,
  },
  {
    what: 'a worker that is frozen: the next attempt reads',
    bound: seconds(attachedMsMax.frozen),
    of: isAttached((cell) => cell.fault === 'freeze' && isWorker(cell)),
    shown: seconds,
  },
  {
    what: 'what was away is back, or the only worker has drained: the next attempt reads',
    bound: `${seconds(attachedMsMax.killed)}; after a long outage the pauses that follow it, see the method`,
    of: isAttached((cell) => !isProcess(cell) || cell.fault === 'restart'),
    shown: seconds,
  },
];

function summary(measured: readonly Measured[]): string {
  const rows = claims.map(({ what, bound, of, shown }) => {
    const values = measured.flatMap(({ figures, job }) => {
      const value = figures === null ? null : of(figures, job.cell);
      return value === null ? [] : [value];
    });
    const worst = values.length === 0 ? '' : shown(Math.max(...values));
    return `| ${what} | ${bound} | ${worst} | ${values.length} |`;
  });
  return ['| promise | bound | worst | cells |', '|---|---|---|---|', ...rows].join('\n');
}

function cellTable(measured: readonly Measured[]): string {
  const rows = measured.map(({ job, figures, broken }) => {
    const told = figures === null ? Array<string>(7).fill('') : cellsOf(figures);
    const verdict = broken.length === 0 ? 'kept' : `**BROKEN**: ${broken.join('; ')}`;
    return `| ${[...job.words, ...told, verdict, `\`${job.id}\``].join(' | ')} |`;
  });
  const titles = [
    ...['fault', 'victim', 'instant', 'into', 'lost', 'twice', 'read again', 'batches'],
    ...['attached', 'checkpoint', 'attempts', 'promises', 'id'],
  ];
  return [`| ${titles.join(' | ')} |`, `|${'---|'.repeat(titles.length)}`, ...rows].join('\n');
}

const cellsOf = (figures: Figures): readonly string[] => [
  ...[figures.lost, figures.twice, figures.readAgain].map(count),
  (figures.readAgainOfBefore / batchRecords).toFixed(1),
  seconds(figures.attachedMs),
  figures.checkpointMs === null ? '' : seconds(figures.checkpointMs),
  String(figures.attempts),
];
