import { warehouseKinds } from '../../support/warehouse.ts';
import { seeded } from '../../e2e/instants.ts';
import { applicableCells, chosenCells } from './applicable.ts';
import { idOf, wordsOf, type Cell } from './cells.ts';
import type { Bounds } from './figures.ts';
import type { CellOptions } from './run-cell.ts';
import { warehouseJobs } from './warehouses.ts';

/** Where in its middle a sync is struck: not before it has committed, not when it is nearly done. */
const [shareMin, shareMax] = [0.3, 0.6];
const second = 1_000;

/** A cell to run, as it is called and as people read it. */
export interface Job {
  readonly id: string;
  readonly words: readonly string[];
  readonly cell: Cell;
  readonly options: CellOptions;
  readonly bounds: Bounds;
}

interface LongOutage extends Pick<Job, 'id' | 'cell' | 'bounds'> {
  readonly fault: string;
  readonly options: Omit<CellOptions, 'share'>;
}

/** As long as a pause between two attempts may be by then: they grow with the attempts that come to nothing. */
const pauseMsMax = 65 * second;

/** Temporal's SDK asks a server that is away every 10 s at last, and an attempt needs a few answers until it reads. */
const pollMsMax = 45 * second;

/** Away for much longer than a heartbeat: the sync completes by itself all the same. */
const outages: readonly LongOutage[] = [
  {
    id: 'temporal-away-20s',
    fault: 'away for 20 s',
    cell: { fault: 'kill', victim: 'temporal', instant: 'mid', destination: 'postgres' },
    options: { lastsMs: 20 * second },
    bounds: { attachedMsMax: pollMsMax },
  },
  {
    id: 'temporal-away-2min',
    fault: 'away for 2 minutes',
    cell: { fault: 'kill', victim: 'temporal', instant: 'mid', destination: 'duckdb' },
    options: { lastsMs: 120 * second },
    bounds: { attachedMsMax: pollMsMax },
  },
  {
    id: 'destination-away-2min',
    fault: 'away for 2 minutes',
    cell: { fault: 'kill', victim: 'destination', instant: 'mid', destination: 'postgres' },
    options: { lastsMs: 120 * second },
    bounds: { attachedMsMax: pauseMsMax },
  },
  {
    id: 'worker-disk-full-15s',
    fault: 'disk full for 15 s',
    cell: { fault: 'disk', victim: 'worker', instant: 'mid', destination: 'duckdb' },
    options: { lastsMs: 15 * second },
    bounds: { attachedMsMax: 35 * second },
  },
];

/** The long outages, which take longest, then the cells of the seed. */
export function jobsOf(seed: number, mayMount: boolean): readonly Job[] {
  const long = outages.filter(({ cell }) => mayMount || cell.fault !== 'disk');
  const cells = chosenCells(seeded(seed), mayMount);
  return [
    ...long.map((outage) => ofOutage(outage, seed)),
    ...cells.map((cell) => ofCell(cell, seed)),
  ];
}

/** One by its id, which need not be among those of the seed, and may be a warehouse's. Throws when there is none. */
export function jobCalled(id: string, seed: number): Job {
  const outage = outages.find((one) => one.id === id);
  if (outage !== undefined) return ofOutage(outage, seed);
  const ofWarehouse = warehouseKinds.flatMap(warehouseJobs).find((job) => job.id === id);
  if (ofWarehouse !== undefined) return ofWarehouse;
  const cell = applicableCells.find((one) => idOf(one) === id);
  if (cell !== undefined) return ofCell(cell, seed);
  throw new Error(`There is no cell ${id}.`);
}

const ofOutage = ({ id, fault, cell, options, bounds }: LongOutage, seed: number): Job => ({
  ...{ id, cell, bounds, words: [fault, ...wordsOf(cell).slice(1)] },
  options: { share: shareOf(id, seed), ...options },
});

const ofCell = (cell: Cell, seed: number): Job => ({
  ...{ id: idOf(cell), words: wordsOf(cell), cell, bounds: {} },
  options: { share: shareOf(idOf(cell), seed) },
});

/** By seed and id: the same whether a cell runs with others or alone. */
function shareOf(id: string, seed: number): number {
  const code = Buffer.from(id).reduce((sum, byte) => (sum * 31 + byte) >>> 0, seed);
  return shareMin + seeded(code)() * (shareMax - shareMin);
}
