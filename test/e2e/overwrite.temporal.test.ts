import { openCluster, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { grow } from '../support/exact-source.ts';

const targets: readonly TargetKind[] = ['postgres', 'files'];
const old = { rows: 500, missing: 0, twice: 0 };

// With its worker killed: publish.temporal.test.ts.
let cluster: Cluster;
afterEach(() => cluster.close());

test.each(targets)(
  'an overwrite that fails, and one with too few rows, leave the old rows (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    await cluster.worker();
    const { name, directory } = await cluster.connection({
      destinationSyncMode: 'overwrite',
      policy: { attemptsWithoutProgressMax: 1, rowsMin: 100 },
      source: { records: old.rows, stateEvery: 100, trouble: { what: 'crash', at: 601 } },
    });
    await (await cluster.client.startSync(name)).result();

    grow(directory, 1_000);
    const failed = await (await cluster.client.startSync(name)).result();
    expect(failed).toMatchObject({ outcome: 'failed', failure: { origin: 'source' } });
    expect(await cluster.target.held('items', old.rows)).toEqual(old);

    grow(directory, 99);
    const refused = await (await cluster.client.startSync(name)).result();
    expect(refused).toMatchObject({
      outcome: 'failed',
      failure: { kind: 'config_error', code: 'too_few_rows', stream: 'items' },
    });
    expect(await cluster.target.held('items', old.rows)).toEqual(old);

    grow(directory, 550);
    expect(await (await cluster.client.startSync(name)).result()).toMatchObject({
      outcome: 'succeeded',
      records: 550,
    });
    expect(await cluster.target.held('items', 550)).toEqual({ rows: 550, missing: 0, twice: 0 });
  },
  60_000,
);
