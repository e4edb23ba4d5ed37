import {
  streamId,
  type ConnectionState,
  type DestinationSyncMode,
  type Policy,
  type SyncSummary,
} from '../../client/index.ts';
import { openCluster, type Applied, type Cluster } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { attemptsIn, grow, widen } from '../support/exact-source.ts';
import { eventually } from '../worker/eventually.ts';

const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const items = streamId({ name: 'items' });
const told = (again: 'merges' | 'duplicates' = 'merges') => ({
  streams: [{ stream: items, columns: ['colour'], count: 1, again }],
  streamCount: 1,
});

let cluster: Cluster;
afterEach(() => cluster.close());

const sync = async ({ name }: Applied): Promise<SyncSummary> =>
  (await cluster.client.startSync(name)).result();
const stateOf = ({ name }: Applied): Promise<ConnectionState> => cluster.client.status(name);
const held = async (records: number, filled: number) => {
  const { rows, missing, twice } = await cluster.target.held('items', records);
  const values = await cluster.target.filled('items', 'colour');
  expect({ rows, missing, twice, values }).toEqual({
    ...{ rows: records, missing: 0, twice: 0 },
    values: filled,
  });
};

/** 300 records, then ten more with a new column. */
async function widened({
  mode = 'append_dedup',
  policy = {},
  recordsPerSecond,
}: {
  readonly mode?: DestinationSyncMode;
  readonly policy?: Partial<Policy>;
  readonly recordsPerSecond?: number;
} = {}): Promise<Applied> {
  const applied = await cluster.connection({
    destinationSyncMode: mode,
    source: {
      records: 300,
      stateEvery: 50,
      ...(recordsPerSecond !== undefined && { recordsPerSecond }),
    },
    policy,
  });
  expect(await sync(applied)).not.toHaveProperty('unfilled');
  widen(applied.directory, 'colour');
  grow(applied.directory, 310);
  return applied;
}

test.each(targets)(
  'a new column is NULL in old rows until a person has it filled: read again, merged, none twice (%s)',
  async (kind) => {
    cluster = await openCluster({ target: kind });
    await cluster.worker();
    const applied = await widened();
    expect(await sync(applied)).toMatchObject({ records: 10, unfilled: told() });
    await held(310, 10);
    expect(await sync(applied)).toMatchObject({ records: 0, unfilled: told() });

    const { marked } = await cluster.client.backfill(applied.name, null);
    expect(marked).toMatchObject([{ stream: items }]);
    await held(310, 10);
    const summary = await sync(applied);
    expect(summary).toMatchObject({ outcome: 'succeeded', records: 310 });
    expect(summary).not.toHaveProperty('unfilled');
    await held(310, 310);

    // Nothing is left to be filled, and the stream goes on from where it is.
    grow(applied.directory, 320);
    const next = await sync(applied);
    expect(next.records).toBe(10);
    expect(next).not.toHaveProperty('unfilled');
    await held(320, 320);
    await expect(cluster.client.backfill(applied.name, null)).rejects.toMatchObject({
      kind: 'config_error',
      remedy: expect.stringContaining(`tidemark refresh ${applied.name}`),
    });
  },
  60_000,
);

test('killed half-way, a backfill goes on; meanwhile every row is there, and the column waits', async () => {
  cluster = await openCluster({ target: 'postgres' });
  const worker = await cluster.worker();
  const applied = await widened({ recordsPerSecond: 200 });
  await sync(applied);
  await cluster.client.backfill(applied.name, [items]);
  const running = await cluster.client.startSync(applied.name);
  await eventually('some of it is a checkpoint, not all', async () => {
    const cursor = await cluster.target.cursor('items');
    return cursor !== null && cursor < 310;
  });
  await worker.kill();
  const { rows, missing, twice } = await cluster.target.held('items', 310);
  expect([rows, missing, twice]).toEqual([310, 0, 0]);
  const state = await stateOf(applied).catch(() => null);
  // Without a worker nobody answers; if one did, nothing is done yet.
  if (state !== null) expect(state.minimumGenerations).toEqual({ items: 0 });
  await cluster.worker();
  expect(await running.result()).toMatchObject({ outcome: 'succeeded' });
  expect(attemptsIn(applied.directory).at(-1)!.from['items']).toBeGreaterThan(0);
  await held(310, 310);
  expect((await stateOf(applied)).minimumGenerations).toEqual({});
});

test('with on_new_column: backfill the next sync fills what one has found', async () => {
  cluster = await openCluster({ target: 'postgres' });
  await cluster.worker();
  const applied = await widened({ policy: { onNewColumn: 'backfill' } });
  expect(await sync(applied)).toMatchObject({ records: 10, unfilled: told() });
  expect((await stateOf(applied)).minimumGenerations).toEqual({ items: 0 });
  const summary = await sync(applied);
  expect(summary.records).toBe(310);
  expect(summary).not.toHaveProperty('unfilled');
  await held(310, 310);
  expect((await sync(applied)).records).toBe(0);
});

test('appended rows would be there twice: refused, and a refresh takes their place', async () => {
  cluster = await openCluster({ target: 'duckdb' });
  await cluster.worker();
  const applied = await widened({
    mode: 'append',
    policy: { onNewColumn: 'backfill' },
  });
  expect(await sync(applied)).toMatchObject({ records: 10, unfilled: told('duplicates') });
  expect((await stateOf(applied)).minimumGenerations).toEqual({});
  for (const streams of [null, [items]])
    await expect(cluster.client.backfill(applied.name, streams)).rejects.toMatchObject({
      kind: 'config_error',
      place: 'items',
      remedy: expect.stringContaining(`tidemark refresh ${applied.name} items`),
    });
  await cluster.client.refresh(applied.name, {
    streams: [items],
    manner: 'replace',
    reason: 'test',
  });
  const summary = await sync(applied);
  expect(summary.records).toBe(310);
  expect(summary).not.toHaveProperty('unfilled');
  await held(310, 310);
});
