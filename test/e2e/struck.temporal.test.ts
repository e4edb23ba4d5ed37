import { brokenBy } from '../chaos/matrix/figures.ts';
import { jobCalled } from '../chaos/matrix/jobs.ts';
import { openLane, type Lane } from '../chaos/matrix/lane.ts';
import { runCell } from '../chaos/matrix/run-cell.ts';

// A few cells of the matrix (`npm run chaos`), which other tests do not show: servers of its own, so that they may be harmed.

const seed = 20_261;
/** How long a machine takes and how much it sends meanwhile is for the matrix to measure; what must hold on any machine is shown here. */
const patient = { attachedMsMax: Infinity, readAgainMax: Infinity };

let lane: Lane;
beforeAll(async () => {
  lane = await openLane();
});
afterAll(() => lane.close());

test.each([
  'kill-destination-commit-postgres',
  'freeze-destination-mid-postgres',
  'kill-temporal-publish-files',
  'cut-temporal-echo-duckdb',
])(
  'a sync that is struck once loses nothing, doubles nothing and completes by itself (%s)',
  async (id) => {
    const { cell, options } = jobCalled(id, seed);
    const observed = await runCell(cell, lane, options);
    expect(brokenBy(cell, observed, patient)).toEqual([]);
    expect(observed.summary).toMatchObject({ outcome: 'succeeded' });
  },
  120_000,
);
