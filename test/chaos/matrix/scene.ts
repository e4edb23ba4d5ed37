import { randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { JsonObject } from '../../../protocol/index.ts';
import {
  openCluster,
  plainConnector,
  type Applied,
  type Cluster,
  type ClusterOptions,
} from '../../support/cluster.ts';
import type { Held } from '../../support/cluster-target.ts';
import type { CommitHook } from '../../support/commit-hook.ts';
import { runsOf, type PlainConfig, type PlainHook } from '../../support/plain-destination.ts';
import type { RunningServer } from '../../support/postgres-server.ts';
import { filesBelow, type RunningProcess } from '../../support/processes.ts';
import { openSmallDisk, type SmallDisk } from '../../support/small-disk.ts';
import { isWarehouse, remainsIn } from '../../support/warehouse.ts';
import { isServing, type Cell } from './cells.ts';
import type { Lane } from './lane.ts';

export const records = 4_000;
export const recordsPerSecond = 1_000;
export const heartbeatTimeoutMs = 2_000;
/** Never longer without a commit, where the destination is well. */
const commitIntervalMsMax = 500;
/** What waits for a commit then. */
export const batchRecords = (recordsPerSecond * commitIntervalMsMax) / 1_000;
export const stream = 'items';
const stateEvery = 100;
const diskBytes = 16 * 1024 * 1024;

/** A cell's sync, ready to begin, with what it needs. */
export interface Scene {
  readonly cluster: Cluster;
  readonly applied: Applied;
  /** Where whoever comes to the cell's instant waits. */
  readonly meeting: string;
  /** Of what became durable. */
  readonly journal: string;
  /** The destination's; null: it has none. */
  readonly server: RunningServer | null;
  /** null: no disk is filled here. */
  readonly disk: SmallDisk | null;
  worker(): Promise<RunningProcess>;
  held(): Promise<Held>;
  /** What only a sync that runs may have: in a warehouse, and there where its worker puts temporary files. Elsewhere nobody looks. */
  remains(): Promise<readonly string[]>;
  /** What its workers have said, one after the other. */
  said(): string;
  /** Idempotent. */
  close(): Promise<void>;
}

/** `share`: how far the sync is, 0 to 1, when the fault strikes in its middle. */
export async function openScene(
  cell: Cell,
  lane: Lane,
  { share }: { readonly share: number },
): Promise<Scene> {
  const { destination, instant } = cell;
  const server = isServing(destination) ? await lane.server(destination) : null;
  const disk = cell.fault === 'disk' ? diskOf(cell, server) : null;
  const place = placeOf(cell, disk);
  const cluster = await openCluster(clusterOf(cell, lane, server, place));
  const meeting = join(cluster.directory, 'meeting');
  const journal = join(cluster.directory, 'journal.commits');
  const hook = { ...hookOf(cell, share), meeting, journal };
  const rows = disk?.directory ?? join(cluster.directory, 'rows');
  mkdirSync(rows, { recursive: true });
  const program: PlainConfig = { directory: rows, everyStates: 1, hook: hook as PlainHook };
  const applied = await cluster.connection({
    source: { streams: [stream], records, stateEvery, recordsPerSecond },
    policy: { commitIntervalMsMax, heartbeatTimeoutMs },
    ...(instant === 'publish' && { destinationSyncMode: 'overwrite' as const }),
    ...(destination === 'program' && {
      destination: { connector: plainConnector, config: program as unknown as JsonObject },
    }),
  });
  const workers: RunningProcess[] = [];
  let closed: Promise<void> | null = null;
  return {
    ...{ cluster, applied, meeting, journal, server, disk },
    async worker() {
      const isProgram = destination === 'program';
      const worker = await (isProgram ? cluster.worker() : cluster.hookedWorker(hook));
      workers.push(worker);
      return worker;
    },
    said: () => workers.map((worker) => worker.said()).join('\n'),
    held: async () =>
      destination === 'program' ? heldBy(rows) : cluster.target.held(stream, records),
    async remains() {
      const { warehouse } = cluster.target;
      if (warehouse === null) return [];
      return [...(await remainsIn(warehouse)), ...filesBelow(cluster.temporary)];
    },
    close: () => (closed ??= end(cluster, disk, place)),
  };
}

async function end(
  cluster: Cluster,
  disk: SmallDisk | null,
  place: string | undefined,
): Promise<void> {
  try {
    await cluster.close();
  } finally {
    disk?.close();
    if (place !== undefined) rmSync(place, { recursive: true, force: true });
  }
}

function clusterOf(
  { destination }: Cell,
  { temporal }: Lane,
  server: RunningServer | null,
  place: string | undefined,
): ClusterOptions {
  const isPostgres = destination === 'postgres';
  return {
    target: destination === 'program' ? 'files' : destination,
    address: temporal.address,
    workersAddress: `${temporal.proxy.host}:${temporal.proxy.port}`,
    proxied: server !== null,
    ...(server !== null && {
      server: { server: server.url, ...(isPostgres && place !== undefined && { place }) },
    }),
    ...(server === null && place !== undefined && { place }),
    ...(destination === 's3' && place !== undefined && { temporary: place }),
  };
}

/** Where the target goes, or what waits on its way there, so that its disk can be filled. */
function placeOf({ destination, victim }: Cell, disk: SmallDisk | null): string | undefined {
  if (disk === null || destination === 'program') return undefined;
  const isStaged = victim === 'worker' && destination === 'duckdb';
  return isStaged ? dirname(disk.directory) : disk.directory;
}

function diskOf({ destination, victim }: Cell, server: RunningServer | null): SmallDisk {
  const name = `tidemark-disk-${randomBytes(6).toString('hex')}`;
  const directory = join(tmpdir(), name);
  if (victim === 'worker' && destination === 'duckdb')
    return openSmallDisk(join(directory, 'target.duckdb.tidemark'), diskBytes);
  if (server === null || victim === 'worker') return openSmallDisk(directory, diskBytes);
  const disk = openSmallDisk(join(server.directory, name), diskBytes);
  execFileSync('chown', ['postgres', disk.directory]);
  return disk;
}

/** The cell's instant in the words of the hooks. */
function hookOf(
  { instant, fault, destination }: Cell,
  share: number,
): Pick<CommitHook, 'instant' | 'at'> {
  const midway = Math.round((records * share) / stateEvery) * stateEvery;
  // On a full disk the last step needs no room any more: there the commit is struck as it begins.
  const step = fault === 'disk' && destination !== 'program' ? 'before' : 'last';
  // A warehouse publishes after the transaction that decides on it.
  const publishing = isWarehouse(destination) ? 'durable' : step;
  const hooks: Record<Cell['instant'], Pick<CommitHook, 'instant' | 'at' | 'completing'>> = {
    first: { instant: 'loading', at: 1 },
    mid: { instant: 'loading', at: midway },
    send: { instant: 'sending', at: midway },
    load: { instant: 'copying', at: midway },
    commit: { instant: step, at: midway },
    echo: { instant: 'durable', at: midway },
    end: { instant: 'closing', at: records },
    publish: { instant: publishing, at: records, completing: true },
  };
  return hooks[instant];
}

function heldBy(rows: string): Held {
  const ids = runsOf(rows, stream).flatMap((run) => run.ids);
  const own = new Set(ids);
  return { rows: ids.length, missing: records - own.size, twice: ids.length - own.size };
}
