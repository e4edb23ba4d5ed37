import type { Client } from '@temporalio/client';
import { connectionWorkflowId } from '../../workflows/messages.ts';
import { openCluster, type Cluster } from '../support/cluster.ts';
import { attemptsIn, letGo } from '../support/exact-source.ts';
import type { RunningProcess } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const records = 600;
const heldAt = 300;

let cluster: Cluster;
afterEach(() => cluster.close());

/** A worker of one build; the deployment has the name of its queue. */
async function workerOf(buildId: string): Promise<RunningProcess> {
  return cluster.worker({
    TEMPORAL_DEPLOYMENT_NAME: cluster.taskQueue,
    TEMPORAL_WORKER_BUILD_ID: buildId,
  });
}

/** What an operator says with `temporal worker deployment set-current-version`. The server needs a moment to know a version. */
async function makeCurrent({ temporal, taskQueue }: Cluster, buildId: string): Promise<void> {
  await eventually('the build is current', async () => {
    try {
      await temporal.workflowService.setWorkerDeploymentCurrentVersion({
        namespace: temporal.options.namespace,
        deploymentName: taskQueue,
        buildId,
      });
      return true;
    } catch {
      return false;
    }
  });
}

/** Builds that ran a workflow's tasks, in their order, each once. */
async function buildsOf(client: Client, workflowId: string): Promise<readonly string[]> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  const builds = (events ?? []).flatMap(
    (event) =>
      event.workflowTaskCompletedEventAttributes?.deploymentVersion?.buildId ??
      event.workflowTaskCompletedEventAttributes?.workerDeploymentVersion ??
      [],
  );
  return [...new Set(builds)];
}

test('a sync that runs while its worker is upgraded goes on with the new build, from its checkpoint', async () => {
  cluster = await openCluster({ target: 'postgres' });
  const old = await workerOf('first');
  await makeCurrent(cluster, 'first');
  const { name, directory } = await cluster.connection({
    source: { records, stateEvery: 100, trouble: { what: 'wait', at: heldAt + 1, once: true } },
  });
  const sync = await cluster.client.startSync(name);
  await eventually('300 are in', async () => (await cluster.target.cursor('items')) === heldAt);

  await workerOf('second');
  await makeCurrent(cluster, 'second');
  old.signal('SIGTERM');
  expect(await old.exited).toBe(0);
  letGo(directory);

  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
  expect(attemptsIn(directory).map(({ from }) => from)).toEqual([{}, { items: heldAt }]);
  expect(await cluster.target.held('items', records)).toEqual({
    ...{ rows: records, missing: 0, twice: 0 },
  });
  for (const workflowId of [sync.workflowId, connectionWorkflowId(name)])
    expect(await buildsOf(cluster.temporal, workflowId)).toEqual(['first', 'second']);
});
