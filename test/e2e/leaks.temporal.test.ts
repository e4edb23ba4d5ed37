import { openCluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { failRepeatedly } from './failed-syncs.ts';

const targets: readonly TargetKind[] = ['duckdb'];

test.each(targets)(
  'failed syncs and killed workers leave no process, no file and no lock (%s)',
  async (target) => {
    const cluster = await openCluster({ target });
    try {
      const leaks = await failRepeatedly(cluster, 5);
      expect(leaks).toEqual([]);
    } finally {
      await cluster.close();
    }
  },
  90_000,
);
