import { brokenBy } from '../chaos/matrix/figures.ts';
import { jobCalled } from '../chaos/matrix/jobs.ts';
import { openLane, type Lane } from '../chaos/matrix/lane.ts';
import { runCell } from '../chaos/matrix/run-cell.ts';

// A worker killed at a step of a load into each warehouse, on emulators: `npm run chaos -- --only warehouses` has all steps of each.

const seed = 1;

let lane: Lane;
beforeAll(async () => {
  lane = await openLane();
});
afterAll(() => lane.close());

test.concurrent.each([
  ['while files are loaded', 'kill-worker-load-snowflake'],
  ['inside the transaction', 'kill-worker-commit-bigquery'],
  ['between COMMIT and echo', 'kill-worker-echo-redshift'],
])(
  'a worker killed %s (%s): nothing is lost or there twice, the next attempt goes on at the checkpoint, and leaves nothing behind',
  async (_, id) => {
    const { cell, options, bounds } = jobCalled(id, seed);
    const observed = await runCell(cell, lane, options);
    expect(brokenBy(cell, observed, bounds)).toEqual([]);
    expect(observed.attempts).toHaveLength(2);
  },
  120_000,
);
