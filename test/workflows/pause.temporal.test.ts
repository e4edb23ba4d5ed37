import { CancelledFailure } from '@temporalio/common';
import { SyncError, type Pause } from '../../protocol/index.ts';
import {
  forwardSignal,
  pausedSignal,
  pauseUpdate,
  resumeUpdate,
  searchAttributes,
  syncStatusQuery,
} from '../../workflows/messages.ts';
import { upTo } from '../support/items.ts';
import type { World } from '../support/memory-connectors.ts';
import { gate } from './gate.ts';
import {
  failureOf,
  historyOf,
  openHouse,
  rowsOf,
  until,
  type Connected,
  type House,
  type SyncRun,
} from './house.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

/** Where each read began. */
const startsOf = ({ sent }: World): number[] => sent.map(({ orders }) => orders![0]!);

const pause = ({ workflow }: Connected, note = 'upgrade'): Promise<Pause> =>
  workflow.executeUpdate(pauseUpdate, { args: [{ note, by: 'ada' }] });
const resume = ({ workflow }: Connected) => workflow.executeUpdate(resumeUpdate);

async function statusOf(workflowId: string): Promise<unknown> {
  const { searchAttributes: found } = await house.client.workflow.getHandle(workflowId).describe();
  return found[searchAttributes.status.name]?.[0];
}

const untilPaused = ({ workflowId }: SyncRun): Promise<void> =>
  until('the sync waits', async () => (await statusOf(workflowId)) === 'paused');

async function writesPending(handle: SyncRun): Promise<number> {
  const { raw } = await handle.describe();
  return raw.pendingActivities?.length ?? 0;
}

test('a pause drains the running sync to a checkpoint, and the same sync goes on from there', async () => {
  const door = gate(8);
  const connected = await house.connect({
    // Nothing is committed before it must be, and no attempt without a checkpoint is granted: a pause costs none.
    policy: { commitIntervalMsMin: 60_000, attemptsWithoutProgressMax: 1 },
    world: { beforeRecord: door.beforeRecord },
  });
  const { world, sync, state, name } = connected;
  const handle = await sync();
  await until('the source waits', () => door.reached() === 1);
  expect(rowsOf(world)).toEqual([]);

  const first = await pause(connected);
  expect(first).toMatchObject({ note: 'upgrade', by: 'ada' });
  await untilPaused(handle);

  expect(rowsOf(world)).toEqual(upTo(5));
  expect(await writesPending(handle)).toBe(0);
  const held = await state();
  expect(held.checkpoints['orders']).toMatchObject({ records: 5 });
  expect(held).toMatchObject({ lease: { syncNo: 1 }, paused: first, history: [] });
  expect(await handle.query(syncStatusQuery)).toMatchObject({ paused: first, summary: null });
  expect(await statusOf(`connection/${name}`)).toBe('paused');
  // It waits without a timer: nothing is added to its history.
  const events = (await historyOf(house.client, handle.workflowId)).events!;
  expect(
    events.some(
      (one) => Number(one.timerStartedEventAttributes?.startToFireTimeout?.seconds ?? 0) > 2,
    ),
  ).toBe(false);

  door.open();
  expect(await resume(connected)).toMatchObject({ since: first.since });
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 10 });
  expect(rowsOf(world)).toEqual(upTo(10));
  expect(startsOf(world)).toEqual([1, 6]);
  expect(await state()).toMatchObject({ history: [{ outcome: 'succeeded' }], lease: null });
  expect((await state()).paused).toBeUndefined();
  expect(await statusOf(`connection/${name}`)).toBe('succeeded');
});

test('a full refresh that was paused does not read again what is complete', async () => {
  const door = gate(8);
  const connected = await house.connect({
    spec: {
      streams: ['customers', 'orders'].map((stream) => ({
        name: stream,
        sync_mode: 'full_refresh',
        destination_sync_mode: 'append',
      })),
    },
    world: {
      streams: { customers: 4, orders: 10 },
      fullRefresh: true,
      beforeRecord: (stream, n, signals) =>
        stream === 'orders' ? door.beforeRecord(stream, n, signals) : undefined,
    },
  });
  const { world, sync } = connected;
  const handle = await sync();
  await until('the second stream waits', () => door.reached() === 1);
  await pause(connected);
  await untilPaused(handle);
  door.open();
  await resume(connected);

  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 14 });
  expect(rowsOf(world, 'customers')).toEqual(upTo(4));
  expect(rowsOf(world)).toEqual(upTo(10));
  expect(Object.keys(world.sent.at(-1)!)).toEqual(['orders']);
});

test('while it is paused no sync begins: it is skipped, says why, and is counted', async () => {
  const connected = await house.connect();
  const { sync, state, name, world, syncNow } = connected;
  await pause(connected);
  expect(await syncNow()).toMatchObject({
    outcome: 'skipped',
    failure: {
      kind: 'config_error',
      code: 'paused',
      remedy: `Resume it: tidemark resume ${name}.`,
    },
  });
  const scheduled = await (await sync(`sync/${name}-2026-01-01T00:00:00Z`)).result();
  expect(scheduled.failure!.place).toMatch(/, since .* by ada: upgrade$/);
  expect(await state()).toMatchObject({
    syncNo: 0,
    lease: null,
    paused: { skipped: { count: 2 } },
  });
  expect(world.reads).toHaveLength(0);

  await resume(connected);
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', syncNo: 1 });
});

test('a sync of a paused connection does not even try its ends', async () => {
  let tried = 0;
  const connected = await house.connect({
    destination: 'memory-file',
    world: {
      check: () => {
        tried += 1;
        throw new SyncError('config_error', 'It is being upgraded.', { origin: 'destination' });
      },
    },
  });
  await pause(connected);
  expect(await connected.syncNow()).toMatchObject({
    outcome: 'skipped',
    failure: { code: 'paused' },
  });
  expect(tried).toBe(0);
});

test('paused while it waits to retry, it waits for the end of the pause instead, with a new budget', async () => {
  let isAway = true;
  const connected = await house.connect({
    policy: { attemptsWithoutProgressMax: 2 },
    world: {
      beforeRecord: () => {
        if (isAway)
          throw new SyncError('transient_error', 'Too many requests.', {
            origin: 'source',
            code: 'rate_limited',
            facts: { quotaReset: Date.now() + 3_600_000 },
          });
      },
    },
  });
  const handle = await connected.sync();
  await until('it waits to retry', async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.some(({ attempt }) => attempt === 2) === true;
  });
  await pause(connected);
  await untilPaused(handle);
  expect(await writesPending(handle)).toBe(0);
  expect((await connected.state()).attemptsWithoutProgress).toBe(1);
  isAway = false;
  await resume(connected);
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, attempts: 2 });
});

test('paused before its first attempt it never starts one; resumed it does', async () => {
  const door = gate(1);
  const own = await openHouse();
  try {
    const connected = await own.connect();
    const control = await own.worker({ onlyControl: true });
    const handle = await connected.sync();
    await until('it has begun', async () => (await connected.state()).lease !== null);
    await pause(connected);
    await until('the sync waits', async () => {
      const { paused } = await handle.query(syncStatusQuery);
      const { raw } = await handle.describe();
      return paused !== undefined && (raw.pendingActivities?.length ?? 0) === 0;
    });
    // Its workflow is read from its history again by another worker.
    await control.shutdown();
    await own.worker();
    expect(door.reached()).toBe(0);
    expect(connected.world.reads).toHaveLength(0);
    await resume(connected);
    expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 1 });
  } finally {
    await own.close();
  }
});

test('a pause before the first checkpoint costs nothing of the retry budget', async () => {
  const door = gate(3);
  const connected = await house.connect({
    policy: { attemptsWithoutProgressMax: 1 },
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await connected.sync();
  await until('the source waits', () => door.reached() === 1);
  await pause(connected);
  await untilPaused(handle);
  door.open();
  await resume(connected);
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 10 });
  expect(rowsOf(connected.world)).toEqual(upTo(10));
});

test('a pause that comes while the sync begins holds before its first attempt', async () => {
  const own = await openHouse();
  try {
    const { sync, world, state } = await own.connect();
    const handle = await sync();
    // Begin was answered already, says the connection, and the sync has not heard of it yet.
    const news = { since: new Date().toISOString() };
    const { firstExecutionRunId: firstRunId } = handle;
    await handle.signal(pausedSignal, { firstRunId, pause: news });
    await own.worker();
    await untilPaused(handle);
    expect((await state()).lease).toMatchObject({ syncNo: 1 });
    expect(world.reads).toHaveLength(0);
    await handle.signal(pausedSignal, { firstRunId, pause: null });
    expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, attempts: 1 });
  } finally {
    await own.close();
  }
});

test('a sync that is cancelled while it drains for a pause is cancelled', async () => {
  const door = gate(8);
  const connected = await house.connect({ world: { beforeRecord: door.beforeRecord } });
  const handle = await connected.sync();
  await until('the source waits', () => door.reached() === 1);
  await pause(connected);
  await handle.cancel();
  await handle.result().catch(() => undefined); // cancelled, as asked
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(rowsOf(connected.world)).toEqual(upTo(5));
  expect((await connected.state()).history).toMatchObject([{ outcome: 'cancelled', records: 5 }]);
});

test('paused twice it keeps its time and takes the new note; resumed twice nothing happens', async () => {
  const connected = await house.connect();
  const first = await pause(connected, 'one');
  expect(await pause(connected, 'two')).toEqual({ ...first, note: 'two' });
  // As Temporal's UI sends it when nothing is typed.
  const bare = await house.client.workflow
    .getHandle(connected.workflow.workflowId)
    .executeUpdate('pause');
  expect(bare).toEqual({ ...first, note: 'two' });
  expect(
    (await failureOf(connected.workflow.executeUpdate(pauseUpdate, { args: [7 as never] }))).failure
      .remedy,
  ).toContain('"note"');
  expect(await resume(connected)).toMatchObject({ since: first.since });
  expect(await resume(connected)).toBeNull();
});

test('a sync that is paused again and again loses nothing and doubles nothing', async () => {
  const connected = await house.connect({ world: { hasState: () => true } });
  const { world, sync } = connected;
  world.beforeRecord = () => new Promise((resolve) => setTimeout(resolve, 60));
  const handle = await sync();
  for (const at of [2, 4, 6]) {
    await until('it is under way', () => rowsOf(world).length >= at);
    await pause(connected);
    // Before it has drained, and twice over: what holds in the end counts.
    await resume(connected);
    await pause(connected);
    await resume(connected);
  }
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 10 });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a sync that is cancelled while it is paused ends at once and keeps its checkpoints', async () => {
  const door = gate(8);
  const connected = await house.connect({ world: { beforeRecord: door.beforeRecord } });
  const { world, sync, state, syncNow, name } = connected;
  const handle = await sync();
  await until('the source waits', () => door.reached() === 1);
  await pause(connected);
  await untilPaused(handle);
  await handle.cancel();
  const error = await handle.result().catch((thrown: unknown) => thrown as Error);
  expect((error as Error).cause).toBeInstanceOf(CancelledFailure);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(await state()).toMatchObject({
    lease: null,
    history: [{ outcome: 'cancelled', records: 5 }],
    paused: { note: 'upgrade' },
  });
  expect(await statusOf(`connection/${name}`)).toBe('paused');
  door.open();
  expect(await syncNow()).toMatchObject({ outcome: 'skipped' });
  await resume(connected);
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', syncNo: 2, records: 5 });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a pause in the moment in which a segment ends waits in the next', async () => {
  const connected = await house.connect({
    policy: { segmentMsMax: 300 },
    world: { hasState: () => true },
  });
  const { world, sync } = connected;
  world.beforeRecord = () => new Promise((resolve) => setTimeout(resolve, 100));
  const handle = await sync();
  await until('a second segment reads', () => world.reads.length >= 2);
  await pause(connected);
  await untilPaused(handle);
  const before = rowsOf(world).length;
  const reads = world.reads.length;
  await resume(connected);
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 10 });
  expect(before).toBeLessThan(10);
  expect(world.reads.length).toBeGreaterThan(reads);
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('the signal of a pause is for one sync: what a person or an older sync sends changes nothing', async () => {
  const door = gate(8);
  const connected = await house.connect({ world: { beforeRecord: door.beforeRecord } });
  const handle = await connected.sync();
  await until('the source waits', () => door.reached() === 1);
  const since = new Date().toISOString();
  await handle.signal(pausedSignal, { firstRunId: 'another', pause: { since } });
  await handle.signal('paused');
  expect(await handle.query(syncStatusQuery)).not.toHaveProperty('paused');
  await pause(connected);
  await untilPaused(handle);
  // What an attempt said before it ended may come late.
  const { progress } = await handle.query(syncStatusQuery);
  const last = { epoch: progress!.epoch, progress: progress!, checkpoints: [] };
  await handle.signal(forwardSignal, last);
  expect(await handle.query(syncStatusQuery)).toHaveProperty('paused');
  expect(await statusOf(handle.workflowId)).toBe('paused');
  door.open();
  await resume(connected);
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded' });
});

test('a connection whose sync was terminated pauses and resumes all the same', async () => {
  const door = gate(8);
  const connected = await house.connect({ world: { beforeRecord: door.beforeRecord } });
  const { sync, syncNow, world } = connected;
  const handle = await sync();
  await until('the source waits', () => door.reached() === 1);
  await handle.terminate('by a person');
  await pause(connected);
  door.open();
  expect(await syncNow()).toMatchObject({ outcome: 'skipped', failure: { code: 'paused' } });
  await resume(connected);
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', syncNo: 2 });
  expect(rowsOf(world)).toEqual(upTo(10));
});
