import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { connectionWorkflowId } from '../../workflows/messages.ts';
import { openCluster, type Cluster } from '../support/cluster.ts';
import { attemptsIn, letGo } from '../support/exact-source.ts';
import { builtFile } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const records = 3_000;
/** A drain and two more processes. */
const msMax = 120_000;

let cluster: Cluster;
afterEach(() => cluster.close());

const textBefore = 'Waiting for a worker.';
const textAfter = 'Waits for a worker of the next build.';

/** The build with one change in what workflows show, as a build of its own: the path of its worker. */
function nextBuild(): string {
  const home = join(cluster.directory, 'next');
  const dist = dirname(dirname(builtFile('worker/main.js')));
  cpSync(dist, join(home, 'dist'), { recursive: true });
  cpSync(join(dist, '../package.json'), join(home, 'package.json'));
  symlinkSync(join(dist, '../node_modules'), join(home, 'node_modules'));
  const bundle = join(home, 'dist/workflow-bundle.js');
  const text = readFileSync(bundle, 'utf8');
  expect(text).toContain(textBefore);
  writeFileSync(bundle, text.replaceAll(textBefore, textAfter));
  return join(home, 'dist/worker/main.js');
}

const versionOf = (buildId: string) => ({
  TEMPORAL_DEPLOYMENT_NAME: cluster.taskQueue,
  TEMPORAL_WORKER_BUILD_ID: buildId,
});

/** As `temporal worker deployment set-current-version` does it. */
async function makeCurrent(buildId: string): Promise<void> {
  const { workflowService } = cluster.temporal;
  await eventually('the version is known and current', () =>
    workflowService
      .setWorkerDeploymentCurrentVersion({
        namespace: 'default',
        deploymentName: cluster.taskQueue,
        buildId,
      })
      .then(
        () => true,
        (error: unknown) => {
          // Until the server has heard of both kinds of its polls.
          if (/NOT_FOUND|missing active task queues/.test(String(error))) return false;
          throw error;
        },
      ),
  );
}

/** The build that ran a workflow's last task; undefined: of no version. */
async function buildOf(workflowId: string): Promise<string | undefined> {
  const { raw } = await cluster.temporal.workflow.getHandle(workflowId).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
}

test.each(['without versions', 'with versions'] as const)(
  'a sync that runs while workers are replaced by the next build goes on from its checkpoint (%s)',
  async (how) => {
    cluster = await openCluster({ target: 'duckdb' });
    const isVersioned = how === 'with versions';
    const old = await cluster.worker(isVersioned ? versionOf('1') : {});
    if (isVersioned) await makeCurrent('1');
    const trouble = { what: 'wait', at: records / 2 + 1 } as const;
    const source = { records, stateEvery: 50, trouble };
    const { name, directory } = await cluster.connection({ source });
    const sync = await cluster.client.startSync(name);
    await eventually('it is half-way', () =>
      attemptsIn(directory).some(({ events }) => events.includes('waiting')),
    );
    const program = nextBuild();
    await cluster.workerOf(program, isVersioned ? versionOf('2') : {});
    if (isVersioned) {
      expect(await buildOf(sync.workflowId)).toBe('1');
      await makeCurrent('2');
    }
    old.signal('SIGTERM');
    expect(await old.exited).toBe(0);
    letGo(directory);

    expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
    const attempts = attemptsIn(directory);
    expect(attempts).toHaveLength(2);
    expect(attempts[1]!.from['items']).toBe(records / 2);
    expect(await cluster.target.held('items', records)).toEqual({
      ...{ rows: records, missing: 0, twice: 0 },
    });
    expect((await cluster.client.startSync(name)).workflowId).toBe(sync.workflowId);
    const next = isVersioned ? '2' : undefined;
    await eventually('both workflows are of the next build', async () => {
      const builds = [await buildOf(sync.workflowId), await buildOf(connectionWorkflowId(name))];
      return builds.every((build) => build === next);
    });
  },
  msMax,
);
