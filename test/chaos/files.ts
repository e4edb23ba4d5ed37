import { brokenBy, syncFilesUnderKills } from '../e2e/killed-files.ts';
import { seeded } from '../e2e/instants.ts';
import { openCluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import type { Finding } from './finding.ts';

/** So much that it is not over before the last kill. */
const recordsPerFileAndKill = 40_000;
const delayMsMax = 1_500;

/** A folder of files into a destination, its worker killed at so many random instants; then one more file. */
export async function killFiles(
  kind: TargetKind,
  { seed, kills }: { readonly seed: number; readonly kills: number },
): Promise<Finding> {
  const cluster = await openCluster({ target: kind });
  try {
    const attack = {
      recordsPerFile: recordsPerFileAndKill * Math.max(1, kills),
      kills,
      delayMsMax,
    };
    const outcome = await syncFilesUnderKills(cluster, { ...attack, random: seeded(seed) });
    const { records, held, late } = outcome;
    return {
      what: `files to ${kind}`,
      facts: {
        kills: outcome.kills,
        midway: outcome.midway,
        records,
        lost: held.missing,
        'written twice': held.twice,
        'then read of one new file': `${late.summary.records} of ${late.records}`,
      },
      broken: brokenBy(outcome, kills),
    };
  } finally {
    await cluster.close();
  }
}
