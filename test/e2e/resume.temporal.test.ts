import { openCluster, untilView, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, grow, letGo, sentIn } from '../support/exact-source.ts';
import { descendantsOf, isRunning } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';
import { instants } from './instants.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb', 'files'];
const seed = 20_261;
const none = { missing: 0, twice: 0 };

let cluster: Cluster;
afterEach(() => cluster.close());

test.each(targets)(
  'ten records, states A, B and C, a crash after B is echoed: the next attempt starts at B (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    await cluster.worker();
    const { name, directory } = await cluster.connection({
      source: { records: 10, statesAt: [3, 6, 10], trouble: { what: 'wait', at: 7, once: true } },
    });
    const sync = await cluster.client.startSync(name);
    await eventually('B is a checkpoint', async () => (await cluster.target.cursor('items')) === 6);
    const [first] = attemptsIn(directory);
    process.kill(first!.pid, 'SIGKILL');
    const summary = await sync.result();

    expect(summary).toMatchObject({ outcome: 'succeeded', records: 10 });
    const [began, ...later] = attemptsIn(directory);
    expect(began!.from).toEqual({});
    // A busy machine may cost an attempt more; none of them starts before B.
    expect(later.length).toBeGreaterThan(0);
    for (const { from } of later) expect(from).toEqual({ items: 6 });
    expect(later.at(-1)!.sent).toMatchObject([{ from: 7, to: 10 }]);
    expect(await cluster.target.held('items', 10)).toEqual({ rows: 10, ...none });
  },
);

test.each<TargetKind>(['postgres', 'files'])(
  'a worker killed three times loses nothing, doubles nothing, and goes on from the truth (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    const records = 12_000;
    const { name, directory } = await cluster.connection({
      source: {
        streams: ['items', 'others'],
        records: records / 2,
        stateEvery: 100,
        recordsPerSecond: 2_500,
        interleaved: true,
      },
    });
    let worker = await cluster.worker();
    const sync = await cluster.client.startSync(name);
    for (const instant of instants(seed, 3)) {
      await eventually('the instant comes', () => sentIn(directory) >= records * instant);
      const below = descendantsOf(worker.pid);
      const runs = attemptsIn(directory).length;
      await worker.kill();
      await eventually('what it started is gone', () => !below.some(isRunning));
      // No writer is left: what the destination says now is the truth.
      const truth: Record<string, number> = {};
      for (const stream of ['items', 'others']) {
        const cursor = await cluster.target.cursor(stream);
        if (cursor !== null) truth[stream] = cursor;
      }
      worker = await cluster.worker();
      await eventually('it goes on', () => attemptsIn(directory).length > runs);
      expect(attemptsIn(directory).at(-1)!.from).toEqual(truth);
    }
    const summary = await sync.result();

    expect(summary).toMatchObject({ outcome: 'succeeded', records });
    for (const stream of ['items', 'others'])
      expect(await cluster.target.held(stream, records / 2)).toEqual({
        rows: records / 2,
        ...none,
      });
    // Once there was a checkpoint, no attempt began at the start.
    const starts = attemptsIn(directory).map(({ from }) => from['items'] ?? 0);
    expect(starts.slice(1).every((start) => start > 0)).toBe(true);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  },
  90_000,
);

test('a source killed three times loses nothing and doubles nothing', async () => {
  cluster = await openCluster({ target: 'duckdb' });
  await cluster.worker();
  const records = 6_000;
  const { name, directory } = await cluster.connection({
    source: { records, stateEvery: 50, recordsPerSecond: 3_000 },
  });
  const sync = await cluster.client.startSync(name);
  for (const instant of instants(seed + 1, 3)) {
    await eventually('the instant comes', () => sentIn(directory) >= records * instant);
    const runs = attemptsIn(directory);
    process.kill(runs.at(-1)!.pid, 'SIGKILL');
    await eventually('it goes on', () => attemptsIn(directory).length > runs.length);
  }
  const summary = await sync.result();

  expect(summary).toMatchObject({ outcome: 'succeeded', records });
  expect(await cluster.target.held('items', records)).toEqual({ rows: records, ...none });
  const attempts = attemptsIn(directory);
  for (const [i, { from }] of attempts.entries())
    if (i > 0) expect(from['items']).toBeGreaterThan(0);
  // What a state covered when the source died is committed: at most one state's records are sent again, and those in the dead pipe.
  for (const [i, { sent }] of attempts.slice(0, -1).entries())
    expect(sent.at(-1)!.to - attempts[i + 1]!.from['items']!).toBeLessThanOrEqual(1_000);
});

test('the next sync, another day, reads only what is new', async () => {
  cluster = await openCluster({ target: 'duckdb' });
  const first = await cluster.worker();
  const { name, directory } = await cluster.connection({ source: { records: 250 } });
  await (await cluster.client.startSync(name)).result();
  await first.kill();

  grow(directory, 300);
  await cluster.worker();
  const summary = await (await cluster.client.startSync(name)).result();

  expect(summary).toMatchObject({ outcome: 'succeeded', syncNo: 2, records: 50 });
  const attempts = attemptsIn(directory);
  expect(attempts.map(({ from }) => from)).toEqual([{}, { items: 250 }]);
  expect(attempts[1]!.sent).toMatchObject([{ from: 251, to: 300 }]);
  expect(await cluster.target.held('items', 300)).toEqual({ rows: 300, ...none });
});

test('a cancelled sync keeps its checkpoint, and the next one resumes there', async () => {
  cluster = await openCluster({ target: 'postgres' });
  await cluster.worker();
  const { name, directory } = await cluster.connection({
    source: { records: 400, stateEvery: 100, trouble: { what: 'wait', at: 201, once: true } },
  });
  const sync = await cluster.client.startSync(name);
  await eventually('a checkpoint', async () => (await cluster.target.cursor('items')) === 200);
  await untilView(sync, 'it shows progress', ({ attempts }) => attempts.length === 1);
  await sync.cancel();
  expect(await sync.result()).toMatchObject({ outcome: 'cancelled', records: 200 });

  letGo(directory);
  const summary = await (await cluster.client.startSync(name)).result();
  expect(summary).toMatchObject({ outcome: 'succeeded', records: 200 });
  expect(attemptsIn(directory).map(({ from }) => from)).toEqual([{}, { items: 200 }]);
  expect(await cluster.target.held('items', 400)).toEqual({ rows: 400, ...none });
});
