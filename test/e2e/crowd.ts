import { join } from 'node:path';
import type { ConnectorRef } from '../../protocol/index.ts';
import { testPolicy, type Cluster } from '../support/cluster.ts';
import { attemptsIn, type SourceAttempt } from '../support/exact-source.ts';
import { peakMemoryOf } from '../support/processes.ts';

/** Many connections on one worker. */
export interface Crowd {
  readonly connections: number;
  readonly slots: number;
  /** Of each connection. */
  readonly records: number;
  readonly recordsPerSecond: number;
  /** Which queue their writes come by: Postgres' are anybody's, files are bound to their host's label. */
  readonly mix: 'both queues' | 'label queue';
}

export interface CrowdOutcome {
  readonly succeeded: number;
  /** Syncs that wrote at the same time, at most. */
  readonly atOnce: number;
  /** ms from the start of all until each began to read, in their order. */
  readonly waits: readonly number[];
  /** The connections' numbers in the order in which they began. Odd ones come by the label queue. */
  readonly order: readonly number[];
  readonly ms: number;
  readonly attemptsMax: number;
  readonly lost: number;
  readonly peakBytes: number;
}

/** So many connections at once on one worker that writes for a few at a time. */
export async function holdCrowd(cluster: Cluster, crowd: Crowd): Promise<CrowdOutcome> {
  const { connections, slots, records, recordsPerSecond, mix } = crowd;
  const worker = await cluster.worker({ TIDEMARK_WRITE_SLOTS: String(slots) });
  const numbers = Array.from({ length: connections }, (_, i) => i);
  const applied = await Promise.all(
    numbers.map((i) => {
      const isFiles = mix === 'label queue' || i % 2 === 1;
      const path = join(cluster.directory, `crowd-${i}`);
      const files: ConnectorRef = { connector: 'files', config: { path, format: 'jsonl' } };
      return cluster.connection({
        source: { streams: [`crowd_${i}`], records, recordsPerSecond, stateEvery: 500 },
        policy: testPolicy,
        ...(isFiles && { destination: files }),
      });
    }),
  );
  const startedAt = Date.now();
  const syncs = await Promise.all(applied.map(({ name }) => cluster.client.startSync(name)));
  const summaries = await Promise.all(syncs.map((sync) => sync.result()));
  const ms = Date.now() - startedAt;
  const failed = summaries.find(({ failure }) => failure !== undefined);
  if (failed !== undefined) throw new Error(`A sync failed: ${JSON.stringify(failed.failure)}`);
  const runs = applied.map(({ directory }) => attemptsIn(directory)[0]!);
  const held = summaries.filter((one) => one.outcome === 'succeeded' && one.records === records);
  return {
    succeeded: held.length,
    atOnce: overlapOf(runs),
    waits: runs.map(({ at }) => at - startedAt).sort((a, b) => a - b),
    order: numbers.toSorted((a, b) => runs[a]!.at - runs[b]!.at),
    ms,
    attemptsMax: Math.max(...summaries.map((one) => one.attempts)),
    lost: summaries.reduce((sum, one) => sum + records - one.records, 0),
    peakBytes: peakMemoryOf(worker.pid),
  };
}

/** How many ran at one moment, at most. */
function overlapOf(runs: readonly SourceAttempt[]): number {
  const changes = runs.flatMap(({ at, endedAt }) => [
    { at, by: 1 },
    { at: endedAt ?? at, by: -1 },
  ]);
  let [now, most] = [0, 0];
  for (const { by } of changes.sort((a, b) => a.at - b.at || a.by - b.by)) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
