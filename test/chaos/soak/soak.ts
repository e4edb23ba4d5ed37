import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncOutcome } from '../../../protocol/index.ts';
import { seeded } from '../../e2e/instants.ts';
import { openCluster, type Applied, type Cluster } from '../../support/cluster.ts';
import type { TargetKind } from '../../support/cluster-target.ts';
import { attemptsIn, grow, journalFile } from '../../support/exact-source.ts';
import type { RunningProcess } from '../../support/processes.ts';
import { eventually } from '../../worker/eventually.ts';
import type { Finding } from '../finding.ts';
import { applies, soakFaults, strike, type Field, type SoakFault } from './faults.ts';
import { takeSample, trendOf, type Sample } from './sample.ts';

// Back-to-back syncs of one connection a destination, all at once, each sync with a fault at a random instant, for as long as asked. Two workers
// a destination: faults take the one; what the other holds between two syncs has to stay flat.

const kinds: readonly TargetKind[] = ['postgres', 'duckdb', 'files'];
const stream = 'items';
const recordsEach = 3_000;
const source = { streams: [stream], stateEvery: 100, recordsPerSecond: 1_500 };
/** Of a sync that is not disturbed. */
const undisturbedMs = (recordsEach / source.recordsPerSecond) * 1_000;
const sampleEveryMs = 30_000;
/** Counting all rows takes longer the more there are. */
const countEvery = 10;
const attachMsMax = 120_000;
const attemptsMax = 30;

export interface SoakOptions {
  readonly seed: number;
  readonly minutes: number;
}

/** One finding for each destination. */
export async function soak({ seed, minutes }: SoakOptions): Promise<readonly Finding[]> {
  const until = Date.now() + minutes * 60_000;
  return Promise.all(
    kinds.map((kind, i) => lane(kind, { random: seeded(seed + i), until, minutes })),
  );
}

interface LaneOptions {
  readonly random: () => number;
  /** Epoch ms. */
  readonly until: number;
  readonly minutes: number;
}

async function lane(kind: TargetKind, options: LaneOptions): Promise<Finding> {
  const cluster = await openCluster({ target: kind, proxied: kind === 'postgres' });
  try {
    const steady = await cluster.worker();
    const victim = await cluster.worker();
    const applied = await cluster.connection({
      source,
      policy: { attemptsWithoutProgressMax: attemptsMax },
    });
    return await soaked({ cluster, applied, victim }, steady, options);
  } finally {
    await cluster.close();
  }
}

interface Tally {
  syncs: number;
  records: number;
  lost: number;
  twice: number;
  readonly struck: Map<SoakFault, number>;
  readonly ended: Map<SyncOutcome, number>;
  readonly failures: string[];
  /** Events of the sync's own workflow, the most. */
  syncEvents: number;
}

async function soaked(
  field: Field,
  steady: RunningProcess,
  { random, until, minutes }: LaneOptions,
): Promise<Finding> {
  const { cluster, applied } = field;
  const samples: Sample[] = [];
  const tally = emptyTally();
  const startedAt = Date.now();
  let sampleAt = startedAt;
  while (Date.now() < until) {
    await oneSync(field, tally, random);
    if (tally.syncs % countEvery === 0) await count(cluster, tally);
    if (Date.now() < sampleAt) continue;
    sampleAt = Date.now() + sampleEveryMs;
    const minute = (Date.now() - startedAt) / 60_000;
    samples.push(await takeSample({ cluster, applied, steady }, minute));
    tell(cluster, tally, samples.at(-1)!);
  }
  await finish(field, tally);
  return findingOf(field, tally, { samples, minutes });
}

const emptyTally = (): Tally => ({
  ...{ syncs: 0, records: 0, lost: 0, twice: 0, syncEvents: 0 },
  ...{ struck: new Map(), ended: new Map(), failures: [] },
});

async function oneSync(field: Field, tally: Tally, random: () => number): Promise<void> {
  const { cluster, applied } = field;
  const chosen = soakFaults.filter((fault) => applies(fault, cluster));
  const fault = chosen[Math.floor(random() * chosen.length)]!;
  begin(applied, tally);
  const sync = await cluster.client.startSync(applied.name);
  await eventually('it reads', () => attemptsIn(applied.directory).length > 0, attachMsMax);
  await sleep(random() * undisturbedMs);
  await strike(fault, field, { sync, random });
  const { outcome, failure } = await sync.result();
  tally.syncs += 1;
  tally.struck.set(fault, (tally.struck.get(fault) ?? 0) + 1);
  tally.ended.set(outcome, (tally.ended.get(outcome) ?? 0) + 1);
  const isWanted = outcome === 'succeeded' || (outcome === 'cancelled' && fault === 'cancelled');
  if (!isWanted)
    tally.failures.push(`after "${fault}" the sync ${outcome}: ${failure?.message ?? ''}`);
  const workflow = cluster.temporal.workflow.getHandle(sync.workflowId);
  tally.syncEvents = Math.max(tally.syncEvents, (await workflow.describe()).historyLength);
}

/** More records, and a journal of this sync only: it is read again and again. */
function begin({ directory }: Applied, tally: Tally): void {
  tally.records += recordsEach;
  rmSync(journalFile(directory), { force: true });
  grow(directory, tally.records);
}

/** A sync that was cancelled leaves records to the next; only then all of them have to be there. */
async function finish({ cluster, applied }: Field, tally: Tally): Promise<void> {
  const { outcome } = await (await cluster.client.startSync(applied.name)).result();
  if (outcome !== 'succeeded') tally.failures.push(`the last sync ${outcome}`);
  await count(cluster, tally);
  tally.lost = (await cluster.target.held(stream, tally.records)).missing;
}

async function count({ target }: Cluster, tally: Tally): Promise<void> {
  tally.twice = Math.max(tally.twice, (await target.held(stream, tally.records)).twice);
}

function tell({ target }: Cluster, { syncs }: Tally, sample: Sample): void {
  const { minute, rss, openFiles, left, connectionEvents } = sample;
  const memory = Math.round(rss / 1_000_000);
  console.log(
    `  ${minute.toFixed(1)} min, ${target.kind}: ${syncs} syncs, ${memory} MB, ${openFiles} files open, ${left.length} left, ${connectionEvents} events`,
  );
}

function findingOf(
  { cluster }: Field,
  tally: Tally,
  { samples, minutes }: { readonly samples: readonly Sample[]; readonly minutes: number },
): Finding {
  const { syncs, records, lost, twice, struck, ended, failures, syncEvents } = tally;
  const trend = trendOf(samples);
  const text = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([what, n]) => `${n} ${what}`).join(', ');
  return {
    what: `${minutes} min, ${cluster.target.kind}`,
    facts: {
      ...{ syncs, records, lost, 'written twice': twice },
      ended: text(ended),
      faults: text(struck),
      ...trend.facts,
      'sync history, at most': `${syncEvents} events`,
    },
    broken: [
      ...(lost === 0 ? [] : [`${lost} records lost`]),
      ...(twice === 0 ? [] : [`${twice} records written twice`]),
      ...failures.slice(0, 5),
      ...trend.broken,
    ],
  };
}
