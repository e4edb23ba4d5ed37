import type { ConnectionState } from '../../client/index.ts';
import { connectionWorkflowId } from '../../workflows/messages.ts';
import { openCluster, type Applied, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn } from '../support/exact-source.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const records = 100;
const reset = { scope: null, state: null, reason: 'test' };

let cluster: Cluster;
afterEach(() => cluster.close());

/** Temporal goes back to the time before the connection's first sync; the connection is the same. */
async function restoreTemporal({ name }: Applied, before: ConnectionState): Promise<void> {
  const workflowId = connectionWorkflowId(name);
  const { temporal, taskQueue } = cluster;
  await temporal.workflow.getHandle(workflowId).terminate('The test restores it.');
  await temporal.workflow.start('connectionWorkflow', {
    workflowId,
    taskQueue,
    args: [{ state: before }],
  });
}

async function syncedAndForgotten(kind: TargetKind): Promise<Applied> {
  cluster = await openCluster({ target: kind });
  await cluster.worker();
  const applied = await cluster.connection({
    source: { records, streams: ['items', 'others'] },
    destinationSyncMode: 'append_dedup',
  });
  const before = await cluster.client.status(applied.name);
  await (await cluster.client.startSync(applied.name)).result();
  // An edit that Temporal will have forgotten as well.
  await cluster.client.editState(applied.name, reset);
  await (await cluster.client.startSync(applied.name)).result();
  await restoreTemporal(applied, before);
  return applied;
}

describe.each(targets)('Temporal has forgotten what the destination knows (%s)', (kind) => {
  test('without a reset the destination decides', async () => {
    const { name, directory } = await syncedAndForgotten(kind);
    const summary = await (await cluster.client.startSync(name)).result();
    expect(summary).toMatchObject({ outcome: 'succeeded', records: 0 });
    expect(attemptsIn(directory).at(-1)!.from).toEqual({ items: records, others: records });
  });

  test('after a reset every stream starts from scratch, and then goes on', async () => {
    const { name, directory } = await syncedAndForgotten(kind);
    await cluster.client.editState(name, reset);
    const summary = await (await cluster.client.startSync(name)).result();
    expect(summary).toMatchObject({ outcome: 'succeeded', records: 2 * records });
    expect(attemptsIn(directory).at(-1)!.from).toEqual({});
    for (const stream of ['items', 'others'])
      expect(await cluster.target.held(stream, records)).toEqual({
        rows: records,
        missing: 0,
        twice: 0,
      });

    const next = await (await cluster.client.startSync(name)).result();
    expect(next).toMatchObject({ outcome: 'succeeded', records: 0 });
    expect(attemptsIn(directory).at(-1)!.from).toEqual({ items: records, others: records });
  });
});
