import type { TargetKind } from '../support/cluster-target.ts';
import { isWarehouse, warehouseKinds, type WarehouseKind } from '../support/warehouse.ts';
import { changesUnderKills } from './changes.ts';
import { killFiles } from './files.ts';
import type { Finding } from './finding.ts';
import { fullRefresh, killAtRandom, steadyLoad, type Victim } from './kills.ts';
import { crowds, largeLoads } from './large.ts';
import { leaksAfter } from './leaks.ts';
import { memoryUnderLoad } from './memory.ts';
import { findingOf } from './matrix/figures.ts';
import { openLane } from './matrix/lane.ts';
import { measure } from './matrix/matrix.ts';
import { warehouseJobs } from './matrix/warehouses.ts';
import { soak } from './soak/soak.ts';

// What `npm run chaos` has beside the matrix: many kills of one sync, and what only shows under load.

const refreshKills = 10;
/** Of a source that is a process; files are written too where files are read. */
const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const filesTargets: readonly TargetKind[] = [...targets, 'files', 'parquet'];
/** Of a server that is started only for who asks. */
const namedTargets: readonly TargetKind[] = ['mysql'];
/** Those of the part `warehouses`. */
export const warehousesOf = (target: string | undefined): readonly WarehouseKind[] =>
  warehouseKinds.filter((kind) => target === undefined || kind === target);
const victims: readonly Victim[] = ['worker', 'source'];

export const partNames = [
  'kills',
  'files',
  'refresh',
  'leaks',
  'memory',
  'large',
  'many',
  'changes',
  'warehouses',
  'soak',
] as const;
export type PartName = (typeof partNames)[number];

export interface Part {
  readonly what: string;
  readonly run: () => Promise<readonly Finding[]>;
}

export interface PartOptions {
  /** Absent: all. */
  readonly target?: string;
  readonly seed: number;
  readonly kills: number;
  readonly syncs: number;
  readonly minutes: number;
}

const isTarget = (target: string): boolean =>
  ([...filesTargets, ...namedTargets] as readonly string[]).includes(target);
/** Whether a part has it. */
export const isTargetOf = (part: string, target: string): boolean =>
  part === 'warehouses' ? isWarehouse(target) : isTarget(target);

export function partCalled(
  name: PartName,
  { target, seed, kills, syncs, minutes }: PartOptions,
): Part {
  const isChosen = (kind: TargetKind): boolean => target === undefined || kind === target;
  const named = namedTargets.filter((kind) => kind === target);
  const chosen = [...targets.filter(isChosen), ...named];
  const both = chosen.flatMap((kind) => victims.map((victim) => ({ kind, victim })));
  switch (name) {
    case 'kills': {
      const load = steadyLoad(kills);
      return {
        what: `SIGKILL at ${kills} random instants each`,
        run: () =>
          inTurn(both, ({ kind, victim }, i) =>
            killAtRandom(kind, victim, { seed: seed + i, kills, load }),
          ),
      };
    }
    case 'files':
      return {
        what: `a folder of CSV, JSONL and Parquet files, its worker killed at ${kills} random instants each`,
        run: () =>
          inTurn([...filesTargets.filter(isChosen), ...named], (kind, i) =>
            killFiles(kind, { seed: seed + i, kills }),
          ),
      };
    case 'refresh':
      return {
        what: `1.1 GB read in full into a new table, killed at ${refreshKills} random instants each`,
        run: () =>
          inTurn(both, ({ kind, victim }, i) =>
            killAtRandom(kind, victim, { seed: seed + i, kills: refreshKills, load: fullRefresh }),
          ),
      };
    case 'leaks':
      return {
        what: `${syncs} failed syncs each`,
        run: () => inTurn(chosen, (kind) => leaksAfter(kind, syncs)),
      };
    case 'memory':
      return {
        what: '1 GB of records into a slow Postgres',
        run: () => inTurn([null], memoryUnderLoad),
      };
    case 'large':
      return {
        what: 'large states, many states, large rows, many streams',
        run: () => inTurn(largeLoads(), (load) => load()),
      };
    case 'many':
      return {
        what: '50 connections at once on one worker',
        run: () => inTurn(crowds(), (crowd) => crowd()),
      };
    case 'changes':
      return {
        what: `1,000 writes a second for ${minutes} minutes, copied from the log, the worker killed every 20 s`,
        run: () => inTurn([null], () => changesUnderKills(seed, minutes)),
      };
    case 'warehouses':
      return {
        what: 'a worker killed at each step of a load into a warehouse, and what stays behind',
        run: () => killAtSteps(warehousesOf(target)),
      };
    case 'soak':
      return {
        what: `syncs back to back for ${minutes} minutes, each with a fault at a random instant`,
        run: () => soak({ seed, minutes }),
      };
  }
}

async function killAtSteps(kinds: readonly WarehouseKind[]): Promise<readonly Finding[]> {
  const lane = await openLane();
  try {
    return await inTurn(kinds.flatMap(warehouseJobs), async (job) => {
      const { figures, broken } = await measure(job, lane);
      return findingOf(job.id, figures, broken);
    });
  } finally {
    await lane.close();
  }
}

async function inTurn<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<Finding>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [i, item] of items.entries()) {
    const finding = await work(item, i);
    console.log(`  ${finding.what}: ${finding.broken.length === 0 ? 'kept' : 'BROKEN'}`);
    findings.push(finding);
  }
  return findings;
}
