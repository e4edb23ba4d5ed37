import {
  streamId,
  type ConnectionState,
  type RefreshRequest,
  type SyncSummary,
} from '../../client/index.ts';
import { openCluster, type Applied, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, grow, sentIn } from '../support/exact-source.ts';
import { descendantsOf, isRunning } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';
import { instants } from './instants.ts';

const targets: readonly TargetKind[] = ['duckdb'];
const seed = 20_262;
const items = [streamId({ name: 'items' })];

let cluster: Cluster;
afterEach(() => cluster.close());

const sync = async ({ name }: Applied): Promise<SyncSummary> =>
  (await cluster.client.startSync(name)).result();
const ask = ({ name }: Applied, request: Omit<RefreshRequest, 'reason'>): Promise<void> =>
  cluster.client.refresh(name, { ...request, reason: 'test' });
const stateOf = ({ name }: Applied): Promise<ConnectionState> => cluster.client.status(name);
const lastRead = ({ directory }: Applied) => attemptsIn(directory).at(-1)!.from;

/** Two streams of 300 records each, synced once. */
async function synced(kind: TargetKind): Promise<Applied> {
  cluster = await openCluster({ target: kind });
  await cluster.worker();
  const applied = await cluster.connection({
    source: { records: 300, streams: ['items', 'others'], stateEvery: 100 },
    // A clear has no rows, and is not held to this.
    policy: { rowsMin: 1 },
  });
  expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 600 });
  return applied;
}

test.each(targets)(
  'a refreshed stream is read from scratch, and then goes on (%s)',
  async (kind) => {
    const applied = await synced(kind);
    await ask(applied, { streams: items, manner: 'replace' });
    expect(await cluster.target.generations('items')).toEqual({ 0: 300 });

    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 300 });
    expect(lastRead(applied)).toEqual({ others: 300 });
    expect(await cluster.target.generations('items')).toEqual({ 2: 300 });
    expect(await cluster.target.generations('others')).toEqual({ 0: 300 });
    expect((await stateOf(applied)).minimumGenerations).toEqual({});

    grow(applied.directory, 310);
    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 20 });
    expect(lastRead(applied)).toEqual({ items: 300, others: 300 });
    expect(await cluster.target.generations('items')).toEqual({ 2: 310 });

    await ask(applied, { streams: items, manner: 'keep' });
    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 310 });
    expect(await cluster.target.generations('items')).toEqual({ 2: 310, 4: 310 });
    await ask(applied, { streams: null, manner: 'replace' });
    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 620 });
    for (const stream of ['items', 'others'])
      expect(await cluster.target.generations(stream)).toEqual({ 5: 310 });
  },
);

test.each(targets)(
  'a clear empties a stream without reading, and the sync after it reads (%s)',
  async (kind) => {
    const applied = await synced(kind);
    const reads = attemptsIn(applied.directory).length;
    await ask(applied, { streams: items, manner: 'clear' });
    const summary = await sync(applied);

    expect(summary).toMatchObject({ outcome: 'succeeded', records: 0, streamCount: 1 });
    expect(attemptsIn(applied.directory)).toHaveLength(reads);
    // The table is there, and empty.
    expect(await cluster.target.generations('items')).toEqual({});
    expect(await cluster.target.generations('others')).toEqual({ 0: 300 });
    expect(await stateOf(applied)).toMatchObject({ clearing: [], minimumGenerations: {} });

    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 300 });
    expect(lastRead(applied)).toEqual({ others: 300 });
    expect(await cluster.target.generations('items')).toEqual({ 2: 300 });
    await ask(applied, { streams: null, manner: 'clear' });
    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', streamCount: 2 });
    expect(await cluster.target.generations('others')).toEqual({});
    expect(await sync(applied)).toMatchObject({ outcome: 'succeeded', records: 600 });
    expect(lastRead(applied)).toEqual({});
  },
);

test('a worker killed during a refresh and a clear: the old rows or the new ones, whole', async () => {
  cluster = await openCluster({ target: 'postgres' });
  let worker = await cluster.worker();
  const records = 3_000;
  const applied = await cluster.connection({
    source: { records, stateEvery: 100, recordsPerSecond: 1_500 },
  });
  await sync(applied);
  await ask(applied, { streams: items, manner: 'replace' });
  const before = sentIn(applied.directory);
  const seen: Record<string, number>[] = [];
  const look = async () => void seen.push({ ...(await cluster.target.generations('items')) });
  const running = await cluster.client.startSync(applied.name);
  for (const instant of instants(seed, 2)) {
    await eventually(
      'the instant comes',
      () => sentIn(applied.directory) - before >= records * instant,
    );
    const below = descendantsOf(worker.pid);
    const runs = attemptsIn(applied.directory).length;
    await worker.kill();
    await eventually('what it started is gone', () => !below.some(isRunning));
    await look();
    worker = await cluster.worker();
    await eventually('it goes on', () => attemptsIn(applied.directory).length > runs);
  }
  expect(await running.result()).toMatchObject({ outcome: 'succeeded', records });
  await look();
  expect(seen).toEqual([{ 0: records }, { 0: records }, { 2: records }]);
  // The refresh went on from its checkpoints: it did not begin anew each time.
  expect(
    attemptsIn(applied.directory)
      .slice(2)
      .every(({ from }) => from['items']! > 0),
  ).toBe(true);

  await ask(applied, { streams: items, manner: 'clear' });
  const clearing = await cluster.client.startSync(applied.name);
  await eventually(
    'it has begun',
    async () => (await clearing.status()).attempts.length > 0,
    20_000,
  );
  await worker.kill();
  expect([{}, { 2: records }]).toContainEqual(await cluster.target.generations('items'));
  await cluster.worker();
  expect(await clearing.result()).toMatchObject({ outcome: 'succeeded', records: 0 });
  expect(await cluster.target.generations('items')).toEqual({});
  expect((await stateOf(applied)).clearing).toEqual([]);
});
