import { openCluster, untilView, type Applied, type Cluster } from '../support/cluster.ts';
import { attemptsIn } from '../support/exact-source.ts';
import { isStopped, type RunningProcess } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

// A DuckDB file has no server that ends a dead writer's session: what a worker leaves in the middle of a commit is the file's own to tell.

const records = 2_000;
const source = { records, stateEvery: 100, recordsPerSecond: 1_000 };
const at = 500;
const takeoverMsMax = 90_000;
/** Attempts that find the file locked are no progress. */
const policy = { attemptsWithoutProgressMax: 30 };

let cluster: Cluster;
beforeEach(async () => {
  cluster = await openCluster({ target: 'duckdb' });
});
afterEach(() => cluster.close());

async function eachOnce(): Promise<void> {
  expect(await cluster.target.held('items', records)).toEqual({
    rows: records,
    missing: 0,
    twice: 0,
  });
  expect(await cluster.target.cursor('items')).toBe(records);
}

test.each(['SIGKILL', 'SIGCONT'] as const)(
  'a worker that is frozen inside a commit keeps the file: the next attempt says which process has it, and goes on after %s',
  async (signal) => {
    const frozen = await cluster.hookedWorker({ instant: 'inside', signal: 'SIGSTOP', at });
    const { name, directory }: Applied = await cluster.connection({ source, policy });
    const sync = await cluster.client.startSync(name);
    await eventually('it freezes', () => isStopped(frozen), takeoverMsMax);
    await cluster.worker();
    const { attempts } = await untilView(
      sync,
      'an attempt finds the file locked',
      (view) => view.attempts[0]?.lastFailure?.facts?.['pid'] !== undefined,
      takeoverMsMax,
    );
    expect(attempts[0]!.lastFailure).toMatchObject({
      kind: 'transient_error',
      origin: 'destination',
      place: `${cluster.directory}/target.duckdb, pid ${frozen.pid}`,
      facts: { pid: frozen.pid },
    });
    const runs = attemptsIn(directory).length;

    frozen.signal(signal);
    const summary = await sync.result();
    expect(summary).toMatchObject({ outcome: 'succeeded', records });
    await eachOnce();
    // Killed, its transaction never was; thawed, it became durable, and the next attempt read that in the file.
    const next = attemptsIn(directory)[runs]!.from['items'] ?? 0;
    expect(next >= at).toBe(signal === 'SIGCONT');
  },
  240_000,
);

test('a worker that is killed after a commit, before anybody hears of it: the next attempt reads the truth in the file', async () => {
  const first: RunningProcess = await cluster.hookedWorker({
    instant: 'after',
    signal: 'SIGKILL',
    at,
  });
  const { name, directory } = await cluster.connection({ source });
  const sync = await cluster.client.startSync(name);
  expect(await first.exited).toBe('SIGKILL');
  const truth = (await cluster.target.cursor('items'))!;
  expect(truth).toBeGreaterThanOrEqual(at);
  // Temporal has not heard of it: its last report is of a commit before.
  const [attempt] = (await sync.status()).attempts;
  expect(attempt!.progress!.committed.records).toBeLessThan(truth);

  await cluster.worker();
  const summary = await sync.result();
  expect(summary).toMatchObject({ outcome: 'succeeded', records });
  expect(attemptsIn(directory).map(({ from }) => from['items'] ?? 0)).toEqual([0, truth]);
  await eachOnce();
});
