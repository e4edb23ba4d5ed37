import { ApplicationFailure } from '@temporalio/common';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { Progress } from '../../client/index.ts';
import { commitUpdate, connectionWorkflowId, wholeLane } from '../../workflows/messages.ts';
import { openCluster, untilView, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, letGo } from '../support/exact-source.ts';
import { isRunning } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const records = 9_000;
const frozenAt = 1_000;
/** A frozen process keeps its long polls and swallows tasks until they time out. */
const takeoverMsMax = 90_000;

let cluster: Cluster;
afterEach(() => cluster.close());

test.each(targets)(
  'a frozen worker is replaced, and when it thaws it changes neither rows nor checkpoint (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    const zombie = await cluster.worker();
    const { name, directory } = await cluster.connection({
      source: {
        records,
        stateEvery: 100,
        recordsPerSecond: 1_000,
        trouble: { what: 'wait', at: frozenAt + 1, once: true },
      },
    });
    const sync = await cluster.client.startSync(name);
    await eventually('it commits', async () => (await cluster.target.cursor('items')) === frozenAt);
    const before = await untilView(
      sync,
      'it shows what it committed',
      ({ attempts }) => attempts[0]?.progress?.committed.records === frozenAt,
    );
    const { epoch } = before.attempts[0]!.progress as Progress;
    zombie.signal('SIGSTOP');
    // Its source sends on, into a pipe that nobody empties.
    letGo(directory);
    const other = await cluster.worker();
    await eventually(
      'the other worker goes on from there',
      () => attemptsIn(directory).length > 1,
      takeoverMsMax,
    );
    expect(attemptsIn(directory).at(-1)!.from).toEqual({ items: frozenAt });
    await eventually('it commits', async () => (await cluster.target.cursor('items'))! > frozenAt);

    zombie.signal('SIGCONT');
    const stale = cluster.temporal.workflow
      .getHandle(connectionWorkflowId(name))
      .executeUpdate(commitUpdate, { args: [{ lane: wholeLane, epoch, checkpoints: [] }] });
    const refusal = await stale.catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
    expect((refusal as WorkflowUpdateFailedError).cause).toMatchObject({
      constructor: ApplicationFailure,
      type: 'Fenced',
    });
    const summary = await sync.result();

    expect(summary).toMatchObject({ outcome: 'succeeded', records });
    expect(await cluster.target.held('items', records)).toEqual({
      rows: records,
      missing: 0,
      twice: 0,
    });
    expect(await cluster.target.cursor('items')).toBe(records);
    // It is well and serves on; only its attempt has ended.
    expect([zombie, other].every(isRunning)).toBe(true);
    await eventually('its source is gone', () => {
      const [first] = attemptsIn(directory);
      return !isRunning(first!);
    });
  },
  150_000,
);

test.each([true, false])(
  'a connection cut at COMMIT neither loses nor doubles a record (the answer is lost: %s)',
  async (loseAnswer) => {
    cluster = await openCluster({ target: 'postgres', proxied: true });
    await cluster.worker();
    const { name, directory } = await cluster.connection({
      source: { records: 300, stateEvery: 100, trouble: { what: 'wait', at: 201, once: true } },
    });
    const proxy = cluster.target.proxy!;
    const sync = await cluster.client.startSync(name);
    await eventually('200 are in', async () => (await cluster.target.cursor('items')) === 200);
    // The next COMMIT is that of the last hundred.
    proxy.cutAt({ from: 'client', text: 'COMMIT', loseAnswer });
    letGo(directory);
    const summary = await sync.result();

    expect(proxy.cuts).toBe(1);
    expect(summary).toMatchObject({ outcome: 'succeeded', records: 300 });
    expect(await cluster.target.held('items', 300)).toEqual({ rows: 300, missing: 0, twice: 0 });
    // The next attempt read the truth in the destination.
    expect(attemptsIn(directory).at(-1)!.from).toEqual({ items: loseAnswer ? 300 : 200 });
  },
);
