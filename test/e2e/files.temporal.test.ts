import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionSpec } from '../../client/index.ts';
import { connectionWorkflowId } from '../../workflows/messages.ts';
import { openCluster, testPolicy, untilView, type Cluster } from '../support/cluster.ts';

let cluster: Cluster;
let spec: ConnectionSpec;
beforeEach(async () => {
  cluster = await openCluster({ target: 'duckdb' });
});
afterEach(async () => {
  await cluster.temporal.workflow.getHandle(connectionWorkflowId(spec.name)).terminate('ended');
  await cluster.close();
});

const perFile = 150_000;

/** A file of the ids from `from` on, there at once. */
function writeItems(directory: string, name: string, from: number, modified: number): void {
  const rows = Array.from({ length: perFile }, (_, i) => `${from + i},"note ""${i}"""\n`);
  const path = join(directory, `.${name}`);
  writeFileSync(path, `id,note\n${rows.join('')}`);
  utimesSync(path, modified, modified);
  renameSync(path, join(directory, name));
}

test('a worker killed in the middle of a file goes on in its middle; the next sync reads new files only', async () => {
  const directory = join(cluster.directory, 'incoming');
  mkdirSync(directory);
  writeItems(directory, 'items-1.csv', 1, 1_700_000_000);
  writeItems(directory, 'items-2.csv', perFile + 1, 1_700_000_001);
  spec = {
    name: `e2e-${randomBytes(6).toString('hex')}`,
    source: { connector: 'files', config: { path: 'incoming', checkpoint_records: 5_000 } },
    destination: cluster.target.ref,
    policy: testPolicy,
  };
  await cluster.client.apply(spec);
  const first = await cluster.worker();
  const sync = await cluster.client.startSync(spec.name);
  await untilView(sync, 'something is committed', ({ attempts }) =>
    attempts.some(({ progress }) => (progress?.committed.records ?? 0) > 0),
  );
  await first.kill();
  await cluster.worker();
  const summary = await sync.result();
  expect(summary).toMatchObject({ outcome: 'succeeded', records: 2 * perFile });
  const held = await cluster.target.held('items', 2 * perFile);
  expect(held).toEqual({ rows: 2 * perFile, missing: 0, twice: 0 });

  writeItems(directory, 'items-3.csv', 2 * perFile + 1, 1_700_000_002);
  const again = await (await cluster.client.startSync(spec.name)).result();
  expect(again).toMatchObject({ outcome: 'succeeded', records: perFile });
  const all = await cluster.target.held('items', 3 * perFile);
  expect(all).toEqual({ rows: 3 * perFile, missing: 0, twice: 0 });
});
