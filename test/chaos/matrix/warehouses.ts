import type { WarehouseKind } from '../../support/warehouse.ts';
import { idOf, wordsOf, type Cell } from './cells.ts';
import type { Bounds } from './figures.ts';
import type { Job } from './jobs.ts';

// Cells of the three cloud warehouses, on their emulators or on the services themselves: a worker that is killed at every step of a load.

const steps = {
  snowflake: ['first', 'send', 'load', 'commit', 'echo', 'end', 'publish'],
  // One job brings a file and loads it.
  bigquery: ['first', 'send', 'commit', 'echo', 'end', 'publish'],
  redshift: ['first', 'send', 'load', 'commit', 'echo', 'end', 'publish'],
} as const satisfies Record<WarehouseKind, readonly Cell['instant'][]>;

/** How fast an emulator is, or a service, is no promise of ours. What was read again was not committed: that is one. */
const bounds: Bounds = { attachedMsMax: Infinity, readAgainMax: Infinity };

/** Where its middle is struck: after some commits. */
const share = 0.45;

/** Of one of them. */
export const warehouseJobs = (destination: WarehouseKind): readonly Job[] =>
  steps[destination].map((instant) =>
    jobOf({ fault: 'kill', victim: 'worker', instant, destination }),
  );

const jobOf = (cell: Cell): Job => ({
  ...{ id: idOf(cell), words: wordsOf(cell), cell, bounds },
  options: { share },
});
