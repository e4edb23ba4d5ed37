import { openCluster } from '../support/cluster.ts';
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
