import { openCluster, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, letGo } from '../support/exact-source.ts';
import { descendantsOf, isRunning } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const records = 6_000;
const source = { records, stateEvery: 50, recordsPerSecond: 1_500 };

let cluster: Cluster;
afterEach(() => cluster.close());

const sentTo = (directory: string): number => attemptsIn(directory).at(-1)?.sent.at(-1)?.to ?? 0;

test.each(targets)(
  'a worker told to end drains to a checkpoint, and the other goes on from exactly there (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    const first = await cluster.worker();
    // However long the other worker takes to start, the first is not done before it.
    const trouble = { what: 'wait', at: (records * 3) / 4 + 1 } as const;
    const { name, directory } = await cluster.connection({ source: { ...source, trouble } });
    const sync = await cluster.client.startSync(name);
    await eventually('it is under way', () => sentTo(directory) >= records / 4);
    const second = await cluster.worker();
    first.signal('SIGTERM');
    expect(await first.exited).toBe(0);
    letGo(directory);
    const summary = await sync.result();

    expect(summary).toMatchObject({ outcome: 'succeeded', records });
    const attempts = attemptsIn(directory);
    expect(attempts).toHaveLength(2);
    expect(attempts[1]!.from['items']).toBeGreaterThan(0);
    expect(await cluster.target.held('items', records)).toEqual({
      rows: records,
      missing: 0,
      twice: 0,
    });
    expect(isRunning(second)).toBe(true);
  },
);

test('the only worker ends within its bound when told to, and a later one resumes', async () => {
  cluster = await openCluster({ target: 'duckdb' });
  const first = await cluster.worker({ TIDEMARK_SHUTDOWN_FORCE: '10s' });
  const { name, directory } = await cluster.connection({ source });
  const sync = await cluster.client.startSync(name);
  await eventually('it is under way', () => sentTo(directory) >= records / 4);
  const below = descendantsOf(first.pid);
  first.signal('SIGTERM');
  expect(await first.exited).toBe(0);
  expect(below.some(isRunning)).toBe(false);
  const drainedTo = await cluster.target.cursor('items');
  expect(drainedTo).toBeGreaterThan(0);

  await cluster.worker();
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });
  expect(attemptsIn(directory).map(({ from }) => from)).toEqual([{}, { items: drainedTo }]);
  expect(await cluster.target.held('items', records)).toEqual({
    rows: records,
    missing: 0,
    twice: 0,
  });
});
