import { openCluster, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';

let cluster: Cluster;
afterEach(() => cluster.close());

test.each<[TargetKind, string]>([
  ['postgres', 'append_dedup'],
  ['duckdb', 'append_dedup'],
  ['files', 'append'],
])('a stream with a key, of which nobody chose a mode, into %s: %s', async (kind, mode) => {
  cluster = await openCluster({ target: kind });
  await cluster.worker();
  const { name, spec } = await cluster.connection();
  const { streams: _, ...whole } = spec;
  await cluster.client.apply(whole);
  const { streams } = await cluster.client.plan(name);
  expect(streams).toMatchObject([{ syncMode: 'incremental', destinationSyncMode: mode }]);
  const summary = await (await cluster.client.startSync(name)).result();
  expect(summary).toMatchObject({ outcome: 'succeeded', records: 100 });
  expect(await cluster.target.held('items', 100)).toEqual({ rows: 100, missing: 0, twice: 0 });
});
