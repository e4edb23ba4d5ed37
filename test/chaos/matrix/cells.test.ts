import { warehouseKinds } from '../../support/warehouse.ts';
import { seeded } from '../../e2e/instants.ts';
import { applicableCells, chosenCells, excludedBecause, exclusions } from './applicable.ts';
import { allCells, idOf, type Cell } from './cells.ts';
import { jobCalled, jobsOf } from './jobs.ts';
import { pairsOf } from './pairwise.ts';
import { warehouseJobs } from './warehouses.ts';

const seeds = [1, 2, 3, 20_261];
const of = (id: string): Cell => allCells.find((cell) => idOf(cell) === id)!;

test('what cannot be is left out, with its reason', () => {
  expect(excludedBecause(of('kill-destination-mid-duckdb'))).toMatch(/no server/);
  expect(excludedBecause(of('cut-source-mid-postgres'))).toMatch(/pipe/);
  expect(excludedBecause(of('kill-source-publish-files'))).toMatch(/has ended/);
  expect(excludedBecause(of('disk-worker-mid-mysql'))).toMatch(/streamed/);
  expect(excludedBecause(of('freeze-worker-publish-duckdb'))).toBeNull();
  expect(excludedBecause(of('disk-worker-mid-s3'))).toBeNull();
  expect(excludedBecause(of('lost-destination-commit-postgres'))).toBeNull();
  expect(applicableCells.length).toBeLessThan(allCells.length);
});

test('no exclusion is idle: each is the reason for some combination', () => {
  const told = new Set(allCells.map(excludedBecause));
  for (const { because } of exclusions) expect(told).toContain(because);
});

test('each fault, victim, instant and destination is in some cell that can be', () => {
  for (const key of ['fault', 'victim', 'instant', 'destination'] as const)
    expect(new Set(applicableCells.map((cell) => cell[key]))).toEqual(
      new Set(allCells.map((cell) => cell[key])),
    );
});

test.each(seeds)(
  'every pair of values that can be is covered, by a small part (seed %d)',
  (seed) => {
    const chosen = chosenCells(seeded(seed), true);
    const covered = new Set(chosen.flatMap(pairsOf));
    expect(covered).toEqual(new Set(applicableCells.flatMap(pairsOf)));
    for (const cell of chosen) expect(excludedBecause(cell)).toBeNull();
    expect(chosen.length).toBeLessThanOrEqual(92);
  },
);

test('a worker is killed at every instant, into every destination', () => {
  const core = chosenCells(seeded(1), true).filter(
    ({ fault, victim }) => fault === 'kill' && victim === 'worker',
  );
  // A program has no instant of publication.
  expect(core).toHaveLength(6 * 6 - 1);
});

test.each(['postgres', 'mysql', 's3'] as const)(
  'a destination that is a server is killed in a commit, and its answer to one is lost (%s)',
  (destination) => {
    const ids = chosenCells(seeded(1), true).map(idOf);
    for (const fault of ['kill', 'lost'])
      expect(ids).toContain(`${fault}-destination-commit-${destination}`);
  },
);

test.each(warehouseKinds)(
  'a worker is killed at each step of a load into %s, by cells of their own',
  (kind) => {
    const jobs = warehouseJobs(kind);
    const steps = new Set(jobs.map(({ cell }) => cell.instant));
    for (const step of ['first', 'send', 'commit', 'echo', 'end', 'publish'])
      expect(steps).toContain(step);
    for (const job of jobs) expect(jobCalled(job.id, 1)).toEqual(job);
    expect(jobsOf(1, true).filter(({ cell }) => cell.destination === kind)).toEqual([]);
  },
);

test('the same seed gives the same cells, another seed others', () => {
  const ids = (seed: number): readonly string[] => chosenCells(seeded(seed), true).map(idOf);
  expect(ids(7)).toEqual(ids(7));
  expect(ids(7)).not.toEqual(ids(8));
});

test('where no disk may be mounted, all but full disks is covered', () => {
  const rest = applicableCells.filter(({ fault }) => fault !== 'disk');
  const covered = new Set(chosenCells(seeded(1), false).flatMap(pairsOf));
  expect(covered).toEqual(new Set(rest.flatMap(pairsOf)));
});
