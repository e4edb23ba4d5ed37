import { setTimeout as sleep } from 'node:timers/promises';
import {
  cadenceBounds,
  defaultCadence,
  type DestinationSyncMode,
  type Policy,
} from '../../protocol/index.ts';
import { seeded } from '../e2e/instants.ts';
import { heartbeatTimeoutMs, openCluster, type Applied, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, sentIn } from '../support/exact-source.ts';
import { descendantsOf, isRunning } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';
import type { Finding } from './finding.ts';

/** A dead worker is noticed after the heartbeat timeout; then the next attempt attaches. */
const attachMsMax = heartbeatTimeoutMs + 10_000;
const waitMsMax = 120_000;
const stream = 'items';
/** What may be on its way when a writer dies, beside a batch: the pipe, what is read ahead, what follows a state. Bytes. */
const underWayBytesMax = 32 * 1024 * 1024;

export type Victim = 'worker' | 'source';

/** What a sync moves while it is attacked. */
export interface Load {
  readonly records: number;
  /** Of a record, roughly; absent: small ones. */
  readonly padBytes?: number;
  readonly recordsPerSecond?: number;
  readonly destinationSyncMode?: DestinationSyncMode;
  readonly stateEvery: number;
  /** A kill comes this long after an attempt began, at most. */
  readonly delayMsMax: number;
  readonly policy?: Partial<Policy>;
}

/** So much that it is not over before the last kill. */
export const steadyLoad = (kills: number): Load => ({
  records: 4_000 * kills,
  recordsPerSecond: 2_000,
  stateEvery: 100,
  delayMsMax: 2_400,
});

/** 1.1 GB in the batches that everyone gets. Many of its kills come before an attempt's first commit. */
export const fullRefresh: Load = {
  records: 1_000_000,
  padBytes: 1_000,
  recordsPerSecond: 25_000,
  stateEvery: 1_000,
  delayMsMax: 4_000,
  destinationSyncMode: 'overwrite',
  policy: {
    commitIntervalMsMin: defaultCadence.intervalMsMin,
    commitIntervalMsMax: defaultCadence.intervalMsMax,
    attemptsWithoutProgressMax: 20,
  },
};

interface Recovery {
  readonly ms: number;
  /** The cursor that the destination held when the victim was dead, and the one that the next attempt began at. */
  readonly held: number;
  readonly from: number;
}

/** One sync, its worker or its source killed at so many random instants. */
export async function killAtRandom(
  kind: TargetKind,
  victim: Victim,
  { seed, kills, load }: { readonly seed: number; readonly kills: number; readonly load: Load },
): Promise<Finding> {
  const cluster = await openCluster({ target: kind });
  try {
    const { destinationSyncMode, policy, delayMsMax, ...source } = load;
    const applied = await cluster.connection({
      source: { streams: [stream], ...source },
      ...(destinationSyncMode !== undefined && { destinationSyncMode }),
      ...(policy !== undefined && { policy }),
    });
    const recoveries = await attack(cluster, applied, {
      ...{ victim, kills, delayMsMax },
      random: seeded(seed),
    });
    const sync = await cluster.client.startSync(applied.name);
    const { outcome } = await sync.result();
    return await findingOf({ outcome, recoveries, load, kind, victim, kills, cluster, applied });
  } finally {
    await cluster.close();
  }
}

async function attack(
  cluster: Cluster,
  { name, directory }: Applied,
  {
    victim,
    kills,
    delayMsMax,
    random,
  }: { victim: Victim; kills: number; delayMsMax: number; random: () => number },
): Promise<readonly Recovery[]> {
  let worker = await cluster.worker();
  const sync = await cluster.client.startSync(name);
  const recoveries: Recovery[] = [];
  const attached = (runs: number): Promise<void> =>
    eventually('an attempt attaches', () => attemptsIn(directory).length > runs, waitMsMax);
  await attached(0);
  for (let kill = 0; kill < kills; kill += 1) {
    await sleep(random() * delayMsMax);
    if ((await sync.status()).summary !== null) break;
    const runs = attemptsIn(directory);
    const killedAt = Date.now();
    if (victim === 'source') process.kill(runs.at(-1)!.pid, 'SIGKILL');
    const below = descendantsOf(worker.pid);
    if (victim === 'worker') {
      await worker.kill();
      await eventually('what it started is gone', () => !below.some(isRunning));
    }
    const held = (await cluster.target.cursor(stream)) ?? 0;
    if (victim === 'worker') worker = await cluster.worker();
    await attached(runs.length);
    const next = attemptsIn(directory)[runs.length]!;
    recoveries.push({ ms: next.at - killedAt, held, from: next.from[stream] ?? 0 });
  }
  return recoveries;
}

interface Fight {
  readonly outcome: string;
  readonly recoveries: readonly Recovery[];
  readonly load: Load;
  readonly kind: TargetKind;
  readonly victim: Victim;
  readonly kills: number;
  readonly cluster: Cluster;
  readonly applied: Applied;
}

async function findingOf(fight: Fight): Promise<Finding> {
  const { outcome, recoveries, load, kind, victim, kills, cluster, applied } = fight;
  const { records, padBytes = 0 } = load;
  const { missing, twice } = await cluster.target.held(stream, records);
  const times = recoveries.map(({ ms }) => ms);
  const slowest = Math.max(...times);
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  const fromStart = recoveries.filter(({ held, from }) => held > 0 && from === 0).length;
  const backwards = recoveries.filter(({ held, from }) => from < held).length;
  const readAgain = sentIn(applied.directory) - records;
  const { batchBytesMax } = cadenceBounds(applied.spec.policy);
  const readAgainMax = (recoveries.length * (batchBytesMax + underWayBytesMax)) / (padBytes || 1);
  return {
    what: `${victim} killed, ${kind}`,
    facts: {
      kills: recoveries.length,
      records,
      lost: missing,
      'written twice': twice,
      'read again': readAgain,
      'attached after': `${seconds(mean)} (at most ${seconds(slowest)})`,
      'began at the start': fromStart,
    },
    broken: [
      ...(outcome === 'succeeded' ? [] : [`the sync ${outcome}`]),
      ...(recoveries.length === kills ? [] : [`only ${recoveries.length} of ${kills} kills`]),
      ...(missing === 0 ? [] : [`${missing} records lost`]),
      ...(twice === 0 ? [] : [`${twice} records written twice`]),
      ...(fromStart === 0 ? [] : [`${fromStart} attempts began at the start`]),
      ...(backwards === 0 ? [] : [`${backwards} attempts began before the checkpoint`]),
      ...(readAgain <= readAgainMax ? [] : [`${readAgain} records read again`]),
      ...(slowest <= attachMsMax ? [] : [`attached only after ${seconds(slowest)}`]),
    ],
  };
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
