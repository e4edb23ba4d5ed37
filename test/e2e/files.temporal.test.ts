import { openCluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { brokenBy, syncFilesUnderKills } from './killed-files.ts';
import { seeded } from './instants.ts';

const targets: readonly TargetKind[] = ['parquet'];
const kills = 2;

test.each(targets)(
  'CSV, JSONL and Parquet to %s: workers killed in the middle lose and double nothing; the next sync reads only what is new',
  async (target) => {
    const cluster = await openCluster({ target });
    try {
      const attack = { recordsPerFile: 150_000, kills, delayMsMax: 300 };
      const outcome = await syncFilesUnderKills(cluster, { ...attack, random: seeded(11) });
      expect(brokenBy(outcome, kills)).toEqual([]);
    } finally {
      await cluster.close();
    }
  },
  180_000,
);
