import { randomBytes } from 'node:crypto';
import { createSyncClient, type SyncClient } from '../../client/index.ts';
import type { StreamSelection } from '../../protocol/index.ts';
import { checkpointsQuery, statusQuery } from '../../workflows/messages.ts';
import { id } from '../support/items.ts';
import { failureOf, openHouse, rowsOf, type House } from './house.ts';

let house: House;
let client: SyncClient;
beforeAll(async () => {
  house = await openHouse();
  await house.worker();
  client = await createSyncClient({ client: house.client, taskQueue: house.queue });
});
afterAll(() => house.close());

/** What many connectors keep: a list of what they have seen. It shrinks to a tenth. */
const listed = (bytes: number): string =>
  Array.from({ length: Math.ceil(bytes / 60) }, (_, i) => `exports/2026/part-${i}.csv`)
    .join(',')
    .padEnd(bytes, '.');
/** Shrinks to three quarters. */
const random = (bytes: number): string => randomBytes((bytes * 3) / 4).toString('base64');
const many = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`table_number_${i}`, 1]));

test('states of 5 MB travel, the next sync goes on from them, and a sync shows only their size', async () => {
  const list = listed(5_000_000);
  const { world, workflow, sync, syncNow, state } = await house.connect({
    world: { stateOf: (_, n) => ({ id: n, list }) },
  });
  const handle = await sync();
  expect((await handle.result()).outcome).toBe('succeeded');
  const { orders } = (await state()).checkpoints;
  expect(JSON.stringify(orders!.state).length).toBeGreaterThan(5_000_000);
  const [shown] = await handle.query(checkpointsQuery);
  expect(shown).toMatchObject({ state: null, records: 10 });
  expect(shown!.stateBytes).toBeGreaterThan(5_000_000);
  world.streams['orders'] = 12;
  expect((await syncNow()).records).toBe(2);
  expect(rowsOf(world)).toHaveLength(12);
  const { historySize } = await workflow.describe();
  expect(historySize).toBeLessThan(4 * 1024 * 1024);
});

test('a state that does not fit is refused as it comes, with its size; what came before it is kept, and the connection lives on', async () => {
  let value = random(3_000_000);
  const { world, syncNow, state } = await house.connect({
    world: { stateOf: (_, n) => (n < 10 ? { id: n } : { id: n, value }) },
  });
  const { failure } = await failureOf(syncNow());
  expect(failure).toMatchObject({
    kind: 'config_error',
    origin: 'source',
    stream: 'orders',
    message: 'A state of the source is too large.',
  });
  expect(failure.place).toMatch(
    /^orders: 2\.1\d MiB compressed \(2\.86 MiB of JSON\), at most 1\.00 MiB$/,
  );
  expect(rowsOf(world)).toHaveLength(5);
  expect((await state()).checkpoints['orders']).toMatchObject({ records: 5 });
  value = '';
  expect((await syncNow()).records).toBe(5);
});

test("when all states together do not fit, the sync ends with the figures, and the connection's workflow still runs", async () => {
  const { world, workflow, syncNow } = await house.connect({
    world: { streams: many(6), stateOf: (_, n) => ({ id: n, value: random(300_000) }) },
  });
  const { failure } = await failureOf(syncNow());
  expect(failure).toMatchObject({ kind: 'config_error', origin: 'tidemark' });
  expect(failure.place).toMatch(
    /^5 states: 1\.\d\d MiB compressed \(1\.\d\d MiB of JSON\), at most 1\.00 MiB$/,
  );
  const held = Object.keys((await workflow.query(statusQuery)).checkpoints);
  expect(held.length).toBe(4);
  expect(world.store.checkpoints.size).toBeGreaterThan(held.length);
});

test('a sync of 4,000 streams, each with a state, is one attempt with a small history', async () => {
  const streams = many(4_000);
  const { syncNow, sync, state, workflow } = await house.connect({
    // A busy machine is not what this is about.
    policy: { heartbeatTimeoutMs: 30_000 },
    world: { streams, stateOf: (stream, n) => ({ id: n, cursor: `2026-01-01 in ${stream}` }) },
  });
  const { outcome, records, attempts, streamCount } = await syncNow();
  expect([outcome, records, attempts, streamCount]).toEqual(['succeeded', 4_000, 1, 4_000]);
  expect(Object.keys((await state()).checkpoints)).toHaveLength(4_000);
  const again = await sync();
  expect(await again.result()).toMatchObject({ outcome: 'succeeded', records: 0 });
  for (const one of [workflow, again]) {
    const { historyLength, historySize } = await one.describe();
    expect(historyLength).toBeLessThan(200);
    expect(historySize).toBeLessThan(2 * 1024 * 1024);
  }
});

test('a state after each of 20,000 records: counts add up, and few of them reach Temporal', async () => {
  const { syncNow, state, workflow, world } = await house.connect({
    world: { streams: { orders: 20_000 }, hasState: () => true },
    policy: { commitIntervalMsMin: 100 },
  });
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', records: 20_000 });
  expect((await state()).checkpoints['orders']).toMatchObject({ records: 20_000, seq: 20_000 });
  expect(world.store.commits).toBeLessThan(1_000);
  expect((await workflow.describe()).historyLength).toBeLessThan(200);
});

test('a catalog of 5 MB arrives whole; one that does not shrink gives up its schemas', async () => {
  const fields = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`column_${i}`, 'string']),
  );
  const { name, world } = await house.connect({ world: { streams: many(3_000), fields } });
  const whole = await client.discover(name);
  expect(whole.truncated).toBe(false);
  expect(JSON.stringify(whole.catalog).length).toBeGreaterThan(5_000_000);
  expect((await client.plan(name)).streams).toHaveLength(3_000);
  world.streams = many(5);
  world.fields = { [random(2_000_000)]: 'string' };
  const { catalog, truncated } = await client.discover(name);
  expect([truncated, catalog.streams.map((one) => one.json_schema)]).toEqual([
    true,
    Array.from({ length: 5 }, () => ({})),
  ]);
});

test('10,000 chosen streams are applied and planned; what does not fit is refused by the client', async () => {
  const { spec, world } = await house.connect({ world: { streams: many(10_000) } });
  const chosen: StreamSelection[] = Object.keys(world.streams).map((name) => ({
    ...{ name, sync_mode: 'incremental', destination_sync_mode: 'append' },
  }));
  const applied = await client.apply({ ...spec, streams: chosen });
  expect(applied.connection).toBe('updated');
  const plan = await client.plan(spec.name);
  expect(plan.streams).toHaveLength(10_000);
  const odd = Array.from({ length: 10_000 }, () => random(100));
  await expect(
    client.apply({ ...spec, name: 'too-large', streams: odd.map((name) => ({ name })) }),
  ).rejects.toMatchObject({ kind: 'config_error', message: 'The connection is too large.' });
  const value = random(2_000_000);
  await expect(
    client.editState(spec.name, {
      scope: id('table_number_1'),
      state: {
        type: 'STREAM',
        stream: { stream_descriptor: { name: 'table_number_1' }, stream_state: value },
      },
      reason: 'a test',
    }),
  ).rejects.toMatchObject({ kind: 'config_error', message: 'The state is too large.' });
});
