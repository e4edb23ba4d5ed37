import { openCluster } from '../support/cluster.ts';
import { seeded } from './instants.ts';
import { brokenBy, syncFilesUnderKills } from './killed-files.ts';

const kills = 2;

test('into S3: workers killed in the middle lose and double nothing; the next sync reads only what is new', async () => {
  const cluster = await openCluster({ target: 's3' });
  try {
    const attack = { recordsPerFile: 15_000, kills, delayMsMax: 100 };
    const outcome = await syncFilesUnderKills(cluster, { ...attack, random: seeded(5) });
    expect(brokenBy(outcome, kills)).toEqual([]);
  } finally {
    await cluster.close();
  }
});
