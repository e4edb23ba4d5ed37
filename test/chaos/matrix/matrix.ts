import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brokenBy, figuresOf, type Figures } from './figures.ts';
import { jobCalled, jobsOf, type Job } from './jobs.ts';
import { openLane, type Lane } from './lane.ts';
import { runCell } from './run-cell.ts';

/** Most of a cell is waiting. With more at a time a small machine's times would no longer be those of one sync. */
const lanesAtOnce = 2;
const errorCharsMax = 400;

export interface MatrixOptions {
  readonly seed: number;
  /** The id of one cell; null: all of the seed. */
  readonly cell: string | null;
  /** Whether disks can be filled here. */
  readonly mayMount: boolean;
  /** Told how to undo what was opened when the run is interrupted. */
  readonly onOpened: (close: () => Promise<void>) => void;
}

export interface Measured {
  readonly job: Job;
  /** null: it could not be measured. */
  readonly figures: Figures | null;
  readonly broken: readonly string[];
}

/** In the order of the jobs. */
export async function runMatrix({
  seed,
  cell,
  mayMount,
  onOpened,
}: MatrixOptions): Promise<readonly Measured[]> {
  const jobs = cell === null ? jobsOf(seed, mayMount) : [jobCalled(cell, seed)];
  const left = [...jobs.entries()];
  const measured: Measured[] = Array<Measured>(jobs.length);
  const progress = createProgress(jobs.length, seed);
  const work = async (lane: Lane): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [n, job] = next;
      measured[n] = await measure(job, lane);
      progress(measured[n]);
    }
  };
  const lanes: Lane[] = [];
  const close = async (): Promise<void> => {
    left.splice(0);
    await Promise.all(lanes.splice(0).map((lane) => lane.close()));
  };
  onOpened(close);
  try {
    for (let n = 0; n < Math.min(lanesAtOnce, jobs.length); n += 1) lanes.push(await openLane());
    await Promise.all(lanes.map(work));
    return measured;
  } finally {
    await close();
  }
}

/** Its workers' log stays where it is broken. */
export async function measure(job: Job, lane: Lane): Promise<Measured> {
  const { cell, options, bounds, id } = job;
  let said = '';
  const measured = await runCell(cell, lane, options, (all) => (said = all)).then(
    (observed): Measured => {
      const broken = brokenBy(cell, observed, bounds);
      return { job, figures: figuresOf(observed), broken };
    },
    (error: unknown): Measured => {
      const told = error instanceof Error ? error.message : String(error);
      const broken = [told.replaceAll(/\s+/g, ' ').slice(0, errorCharsMax)];
      return { job, figures: null, broken };
    },
  );
  if (measured.broken.length > 0) writeFileSync(logOf(id), said);
  return measured;
}

/** Where what its workers said stays when a cell is broken. */
const logOf = (id: string): string => join(tmpdir(), `tidemark-chaos-${id}.log`);

/** A line a cell, and how to repeat one that is broken. */
function createProgress(total: number, seed: number): (measured: Measured) => void {
  const startedAt = Date.now();
  let done = 0;
  return ({ job: { id }, broken }) => {
    done += 1;
    const minutes = ((Date.now() - startedAt) / 60_000).toFixed(1);
    const verdict = broken.length === 0 ? 'kept' : `BROKEN: ${broken.join('; ')}`;
    console.log(`  ${done}/${total}, ${minutes} min: ${id}: ${verdict}`);
    if (broken.length === 0) return;
    console.log(`    again: npm run chaos -- --seed ${seed} --cell ${id}`);
    console.log(`    its workers' log: ${logOf(id)}`);
  };
}
