import { ApplicationFailure } from '@temporalio/common';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import type { FailureOrigin } from '../../protocol/index.ts';
import { commitUpdate, connectionWorkflowId, wholeLane } from '../../workflows/messages.ts';
import { openCluster, type Cluster, type ClusterOptions } from '../support/cluster.ts';
import type { CommitHook } from '../support/commit-hook.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, letGo } from '../support/exact-source.ts';
import { isRunning, isStopped } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const records = 6_000;
const frozenAt = 1_000;
/** Here the source of every attempt waits until it is let go. */
const heldAt = 3_000;
/** A frozen process keeps its long polls and swallows tasks until they time out. */
const takeoverMsMax = 90_000;

/** Each test has a cluster of its own, because they wait at the same time. */
async function withCluster(
  options: ClusterOptions,
  work: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const cluster = await openCluster(options);
  try {
    await work(cluster);
  } finally {
    await cluster.close();
  }
}

/** Who refuses the thawed worker: the destination its commit, or the connection workflow the report of one that was durable before. */
const refusals: readonly [TargetKind, CommitHook['instant'], FailureOrigin][] = [
  ['duckdb', 'before', 'destination'],
  ['postgres', 'before', 'destination'],
  ['postgres', 'after', 'tidemark'],
];
// Nearly all of it is waiting for the server's time-outs: together they take as long as one.
test.concurrent.each(refusals)(
  'a worker that is frozen in a commit is replaced, and when it thaws it changes neither rows nor checkpoint (%s, %s it)',
  (kind, instant, origin) =>
    withCluster({ target: kind }, async (cluster) => {
      const zombie = await cluster.hookedWorker({ instant, signal: 'SIGSTOP', at: frozenAt });
      const { name, directory } = await cluster.connection({
        source: {
          records,
          stateEvery: 100,
          recordsPerSecond: 1_000,
          trouble: { what: 'wait', at: heldAt + 1 },
        },
      });
      const sync = await cluster.client.startSync(name);
      await eventually('it freezes', () => isStopped(zombie), takeoverMsMax);
      const truth = (await cluster.target.cursor('items'))!;
      expect(truth >= frozenAt).toBe(instant === 'after');
      const epoch = (await sync.status()).attempts[0]!.progress!.epoch;
      const other = await cluster.worker();
      await eventually(
        'the other worker goes on from the truth, and commits',
        async () => (await cluster.target.cursor('items')) === heldAt,
        takeoverMsMax,
      );
      expect(attemptsIn(directory).at(-1)!.from).toEqual({ items: truth });

      zombie.signal('SIGCONT');
      const facts = [
        ...['code=fenced', `origin=${origin}`, `connection=${name}`, 'sync=1'],
        ...[`lane=${wholeLane}`, `epoch=${epoch.syncNo}/${epoch.at}`],
      ];
      const tellsAll = (line: string): boolean => {
        const told = new Set(line.split(' '));
        return facts.every((fact) => told.has(fact));
      };
      await eventually('its log says that it was refused, and by whom', () =>
        zombie
          .said()
          .split('\n')
          .some((line) => line.includes('Refused: ') && tellsAll(line)),
      );
      const stale = cluster.temporal.workflow
        .getHandle(connectionWorkflowId(name))
        .executeUpdate(commitUpdate, { args: [{ lane: wholeLane, epoch, checkpoints: [] }] });
      const refusal = await stale.catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(WorkflowUpdateFailedError);
      expect((refusal as WorkflowUpdateFailedError).cause).toMatchObject({
        constructor: ApplicationFailure,
        type: 'Fenced',
      });
      expect(await cluster.target.cursor('items')).toBe(heldAt);
      letGo(directory);
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
    }),
  240_000,
);

test.each([true, false])(
  'a connection cut at COMMIT neither loses nor doubles a record (the answer is lost: %s)',
  (loseAnswer) =>
    withCluster({ target: 'postgres', proxied: true }, async (cluster) => {
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
    }),
);
