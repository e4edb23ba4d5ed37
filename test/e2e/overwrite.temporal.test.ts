import { openCluster, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, grow, sentIn } from '../support/exact-source.ts';
import { eventually } from '../worker/eventually.ts';
import { instants } from './instants.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const seed = 20_262;
const old = { rows: 500, missing: 0, twice: 0 };

let cluster: Cluster;
afterEach(() => cluster.close());

test.each(targets)(
  'an overwrite whose worker is killed three times shows the old rows, then the new ones, never both (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    let worker = await cluster.worker();
    const { name, directory } = await cluster.connection({
      destinationSyncMode: 'overwrite',
      source: { records: old.rows, stateEvery: 100, recordsPerSecond: 1_500 },
    });
    await (await cluster.client.startSync(name)).result();
    expect(await cluster.target.held('items', old.rows)).toEqual(old);

    const records = 6_000;
    grow(directory, records);
    const before = { runs: attemptsIn(directory).length, sent: sentIn(directory) };
    const sync = await cluster.client.startSync(name);
    for (const instant of instants(seed, 3)) {
      const reached = before.sent + records * instant;
      await eventually('the instant comes', () => sentIn(directory) >= reached);
      const runs = attemptsIn(directory).length;
      await worker.kill();
      // The new rows that are committed already are out of sight.
      expect(await cluster.target.held('items', old.rows)).toEqual(old);
      worker = await cluster.worker();
      await eventually('it goes on', () => attemptsIn(directory).length > runs);
    }
    expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
    expect(await cluster.target.held('items', records)).toEqual({
      rows: records,
      missing: 0,
      twice: 0,
    });
    // Read in full again, but each attempt went on where the last had come to.
    const starts = attemptsIn(directory)
      .slice(before.runs)
      .map(({ from }) => from['items'] ?? 0);
    expect(starts[0]).toBe(0);
    expect(starts.slice(1).every((start) => start > 0)).toBe(true);
  },
  90_000,
);

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
