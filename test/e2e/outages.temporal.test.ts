import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../worker/dev-server.ts';
import { openCluster, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, letGo } from '../support/exact-source.ts';
import { isRunning } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb'];

test.each(targets)(
  'after a Terminate in the UI the next sync takes over and resumes (%s)',
  async (kind) => {
    const cluster = await openCluster({ target: kind });
    try {
      await cluster.worker();
      const { name, directory } = await cluster.connection({
        source: { records: 500, stateEvery: 100, trouble: { what: 'wait', at: 301, once: true } },
      });
      const sync = await cluster.client.startSync(name);
      await eventually('300 are in', async () => (await cluster.target.cursor('items')) === 300);
      await cluster.temporal.workflow.getHandle(sync.workflowId).terminate('By the test.');
      await expect(sync.result()).rejects.toMatchObject({
        remedy: expect.stringContaining('again'),
      });
      const [abandoned] = attemptsIn(directory);
      await eventually('its source is gone', () => !isRunning(abandoned!));

      letGo(directory);
      const next = await cluster.client.startSync(name);
      expect(next.origin).toBe('started');
      expect(await next.result()).toMatchObject({ outcome: 'succeeded', records: 200 });
      expect(attemptsIn(directory).map(({ from }) => from)).toEqual([{}, { items: 300 }]);
      expect(await cluster.target.held('items', 500)).toEqual({ rows: 500, missing: 0, twice: 0 });
    } finally {
      await cluster.close();
    }
  },
);

async function withOwnServer(
  work: (cluster: Cluster, restart: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  let server = await startDevServer({ directory });
  const port = Number(server.address.split(':')[1]);
  const cluster = await openCluster({ target: 'postgres', address: server.address });
  try {
    await work(cluster, async () => {
      process.kill(server.pid, 'SIGKILL');
      await server.ended;
      server = await startDevServer({ directory, port });
    });
    await cluster.close();
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

test('Temporal is killed in mid-sync and comes back: the sync completes, once', async () => {
  await withOwnServer(async (cluster, restart) => {
    const records = 6_000;
    await cluster.worker();
    const { name, directory } = await cluster.connection({
      source: { records, stateEvery: 100, recordsPerSecond: 1_000 },
    });
    const sync = await cluster.client.startSync(name);
    await eventually('it commits', async () => ((await cluster.target.cursor('items')) ?? 0) > 0);
    await restart();
    // A call that was open when the server died fails; what it asked for is still there.
    const summary = await sync.result().catch(() => sync.result());

    expect(summary).toMatchObject({ outcome: 'succeeded', records });
    expect(await cluster.target.held('items', records)).toEqual({
      rows: records,
      missing: 0,
      twice: 0,
    });
    for (const { from } of attemptsIn(directory).slice(1)) expect(from['items']).toBeGreaterThan(0);
    const { lease, history } = await cluster.client.status(name);
    expect(lease).toBeNull();
    expect(history.map(({ outcome }) => outcome)).toEqual(['succeeded']);
  });
}, 120_000);
