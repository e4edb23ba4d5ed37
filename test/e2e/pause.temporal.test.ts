import type { SyncError } from '../../protocol/index.ts';
import { scheduleId } from '../../workflows/messages.ts';
import { openCluster, untilView, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, letGo, sentIn } from '../support/exact-source.ts';
import { descendantsOf, isRunning, startProcess } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const targets: readonly TargetKind[] = ['postgres'];
const records = 6_000;
const source = { records, stateEvery: 50, recordsPerSecond: 1_500 };
const none = { missing: 0, twice: 0 };

let cluster: Cluster;
afterEach(() => cluster.close());

/** The real command line, and what it answered. */
async function tidemark(
  ...args: readonly string[]
): Promise<{ code: number | string; said: string }> {
  const { directory, env } = cluster;
  const program = startProcess({ program: 'client/main.js', args, directory, env });
  const code = await program.exited;
  return { code, said: program.said() };
}

test.each(targets)(
  'a pause in mid-stream drains to a checkpoint, outlives its worker, and the same sync goes on from there (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    const first = await cluster.worker();
    // However long the command takes to start, the sync is not over before it.
    const trouble = { what: 'wait', at: (records * 3) / 4 + 1 } as const;
    const { name, directory } = await cluster.connection({ source: { ...source, trouble } });
    const sync = await cluster.client.startSync(name);
    await eventually('it is under way', () => sentIn(directory) >= records / 4);
    const connectors = descendantsOf(first.pid);

    const paused = await tidemark('pause', name, '--note', 'upgrade', '--json');
    expect(paused.code).toBe(0);
    expect(JSON.parse(paused.said.split('\n').find((line) => line.startsWith('{'))!)).toMatchObject(
      {
        name,
        paused: { note: 'upgrade' },
        sync: { workflowId: sync.workflowId, state: 'paused' },
      },
    );
    const drainedTo = await cluster.target.cursor('items');
    expect(drainedTo).toBeGreaterThan(0);
    expect(drainedTo).toBeLessThan(records);
    await eventually('its connector is gone', () => !connectors.some(isRunning));

    // The worker goes, without a goodbye, and it still shows as paused; another one comes.
    await first.kill();
    expect(await sync.status()).toMatchObject({ pause: 'paused', attempts: [], summary: null });
    await cluster.worker();
    expect((await cluster.client.status(name)).paused).toMatchObject({ note: 'upgrade' });
    const refused = await cluster.client.startSync(name).catch((error: unknown) => error);
    expect((refused as SyncError).toFailure()).toMatchObject({
      kind: 'config_error',
      code: 'paused',
      remedy: `Resume it: tidemark resume ${name}.`,
    });
    expect((await tidemark('sync', name)).code).toBe(2);
    expect(await cluster.target.cursor('items')).toBe(drainedTo);

    letGo(directory);
    expect((await tidemark('sync', name, '--resume')).code).toBe(0);
    expect(await sync.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records });
    expect(attemptsIn(directory).map(({ from }) => from)).toEqual([{}, { items: drainedTo }]);
    expect(await cluster.target.held('items', records)).toEqual({ rows: records, ...none });
  },
);

test.each(targets)(
  'a full refresh that is paused reads its complete streams no second time (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    await cluster.worker();
    const each = 1_500;
    const { name, directory } = await cluster.connection({
      source: {
        streams: ['items', 'others'],
        records: each,
        stateEvery: 50,
        recordsPerSecond: 500,
      },
      destinationSyncMode: 'overwrite',
    });
    const sync = await cluster.client.startSync(name);
    await eventually('the first is complete and the second under way', () =>
      attemptsIn(directory).some(({ sent }) => sent.some(({ stream }) => stream === 'others')),
    );
    await cluster.client.pause(name);
    await untilView(sync, 'it waits', ({ pause }) => pause === 'paused');
    await cluster.client.resume(name);
    expect(await sync.result()).toMatchObject({
      outcome: 'succeeded',
      syncNo: 1,
      records: 2 * each,
    });
    const again = attemptsIn(directory)[1]!.sent.map(({ stream }) => stream);
    expect(new Set(again)).toEqual(new Set(['others']));
    for (const stream of ['items', 'others'])
      expect(await cluster.target.held(stream, each)).toEqual({ rows: each, ...none });
  },
);

test('a worker that is killed as a pause comes costs nothing but its attempt', async () => {
  cluster = await openCluster({ target: 'postgres' });
  const first = await cluster.worker();
  const { name, directory } = await cluster.connection({
    source: { records: 400, stateEvery: 100, trouble: { what: 'wait', at: 201, once: true } },
    // The pause comes while the dead attempt is still taken for alive.
    policy: { attemptsWithoutProgressMax: 1, heartbeatTimeoutMs: 10_000 },
  });
  const sync = await cluster.client.startSync(name);
  await eventually('a checkpoint', async () => (await cluster.target.cursor('items')) === 200);
  await cluster.worker();
  await first.kill();
  await cluster.client.pause(name);
  await untilView(sync, 'it waits', ({ pause }) => pause === 'paused', 60_000);
  expect(await cluster.target.cursor('items')).toBe(200);
  letGo(directory);
  await cluster.client.resume(name);
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 400 });
  expect(attemptsIn(directory).map(({ from }) => from)).toEqual([{}, { items: 200 }]);
  expect(await cluster.target.held('items', 400)).toEqual({ rows: 400, ...none });
});

test("a schedule's sync of a paused connection is skipped with the reason", async () => {
  cluster = await openCluster({ target: 'duckdb' });
  await cluster.worker();
  const { name, spec, directory } = await cluster.connection({ source: { records: 100 } });
  await cluster.client.apply({ ...spec, schedule: { every: '24h' } });
  try {
    await cluster.client.pause(name, { note: 'upgrade' });
    await cluster.client.schedules.trigger(name);
    await eventually('it was skipped', async () => {
      const { paused } = await cluster.client.status(name);
      return paused?.skipped?.count === 1;
    });
    const schedule = cluster.temporal.schedule.getHandle(scheduleId(name));
    const { info } = await schedule.describe();
    const { workflowId } = (info.recentActions[0]!.action as { workflow: { workflowId: string } })
      .workflow;
    expect(await cluster.temporal.workflow.getHandle(workflowId).result()).toMatchObject({
      outcome: 'skipped',
      failure: { code: 'paused', place: expect.stringContaining(': upgrade') as string },
    });
    expect(attemptsIn(directory)).toEqual([]);
    expect((await tidemark('status', name)).said).toContain('skipped since: 1 sync');
    expect((await tidemark('resume', name)).said).toContain('1 sync skipped meanwhile.');
    await cluster.client.schedules.trigger(name);
    await eventually('it syncs', async () => {
      const { history } = await cluster.client.status(name);
      return history.at(-1)?.outcome === 'succeeded';
    });
    expect(await cluster.target.held('items', 100)).toEqual({ rows: 100, ...none });
  } finally {
    await cluster.client.schedules.delete(name);
  }
});
