import { failRepeatedly } from '../e2e/failed-syncs.ts';
import { openCluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import type { Finding } from './finding.ts';

/** So many failed syncs, every fifth by a kill of the worker, and what they left behind. */
export async function leaksAfter(kind: TargetKind, count: number): Promise<Finding> {
  const cluster = await openCluster({ target: kind });
  try {
    const leaks = await failRepeatedly(cluster, count);
    return {
      what: `failed syncs, ${kind}`,
      facts: { syncs: count, 'processes, files, locks left': leaks.length },
      broken: leaks,
    };
  } finally {
    await cluster.close();
  }
}
