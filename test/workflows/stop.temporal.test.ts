import { CancelledFailure } from '@temporalio/common';
import { SyncError } from '../../protocol/index.ts';
import type { SyncStatus } from '../../workflows/messages.ts';
import {
  attachUpdate,
  editUpdate,
  refusals,
  syncStatusQuery,
  wholeLane,
} from '../../workflows/messages.ts';
import { id, upTo } from '../support/items.ts';
import { gate } from './gate.ts';
import { failureOf, historyOf, openHouse, rowsOf, until, type House } from './house.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

test('a cancelled sync drains to a checkpoint, keeps it, and the next one resumes', async () => {
  const door = gate(8);
  const { world, sync, syncNow, state } = await house.connect({
    // Nothing is committed before it must be: only the drain does.
    policy: { commitIntervalMsMin: 60_000 },
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await sync();
  await until('the source waits', door.isReached);
  expect(rowsOf(world)).toEqual([]);

  await handle.cancel();

  const error = await handle.result().catch((thrown: unknown) => thrown as Error);
  expect((error as Error).cause).toBeInstanceOf(CancelledFailure);
  expect((await handle.describe()).status.name).toBe('CANCELLED');
  expect(rowsOf(world)).toEqual(upTo(5));
  const held = await state();
  expect(held.lease).toBeNull();
  expect(held.history).toMatchObject([{ outcome: 'cancelled', records: 5 }]);
  expect(held.checkpoints['orders']).toMatchObject({ records: 5 });

  door.open();
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', syncNo: 2, records: 5 });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a worker that shuts down drains, and another goes on from its last checkpoint', async () => {
  const door = gate(8);
  const own = await openHouse();
  try {
    const first = await own.worker();
    const { world, sync, state } = await own.connect({
      policy: { attemptsWithoutProgressMax: 1 },
      world: { beforeRecord: door.beforeRecord },
    });
    const handle = await sync();
    await until('the source waits', door.isReached);

    await first.shutdown();
    expect(rowsOf(world)).toEqual(upTo(5));
    door.open();
    await own.worker();

    expect(await handle.result()).toMatchObject({ outcome: 'succeeded', records: 10 });
    expect(rowsOf(world)).toEqual(upTo(10));
    expect(world.sent.map(({ orders }) => orders![0])).toEqual([1, 6]);
    expect((await state()).history).toHaveLength(1);
  } finally {
    await own.close();
  }
});

test('a shutdown before the first checkpoint costs nothing of the retry budget', async () => {
  const door = gate(3);
  const own = await openHouse();
  try {
    const first = await own.worker();
    const { world, sync } = await own.connect({
      policy: { attemptsWithoutProgressMax: 1 },
      world: { beforeRecord: door.beforeRecord },
    });
    const handle = await sync();
    await until('the source waits', door.isReached);

    await first.shutdown();
    door.open();
    await own.worker();

    expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 2 });
    expect(rowsOf(world)).toEqual(upTo(10));
  } finally {
    await own.close();
  }
});

test('only one sync runs at a time: a second one is skipped and says who runs', async () => {
  const door = gate(8);
  const { name, sync } = await house.connect({ world: { beforeRecord: door.beforeRecord } });
  const handle = await sync();
  await until('the first one runs', door.isReached);

  const second = await (await sync(`sync/${name}-second`)).result();

  expect(second).toMatchObject({ outcome: 'skipped', failure: { place: `sync/${name}` } });
  door.open();
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', syncNo: 1 });
});

test('the lease of a terminated sync is taken over, and its writer is fenced off', async () => {
  const door = gate(8);
  const { world, name, sync, state } = await house.connect({
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await sync();
  await until('the first one runs', door.isReached);
  await handle.terminate('by a person');
  expect((await state()).lease).not.toBeNull();
  door.open();

  const second = await (await sync(`sync/${name}-second`)).result();

  expect(second).toMatchObject({ outcome: 'succeeded', syncNo: 2 });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a sync that lasts longer than a segment continues as new at a checkpoint and keeps its lease', async () => {
  const { world, name, sync, state } = await house.connect({
    policy: { segmentMsMax: 400 },
    world: { hasState: () => true },
  });
  world.beforeRecord = () => new Promise((resolve) => setTimeout(resolve, 100));

  const handle = await sync();
  const { runId: firstRunId } = await handle.describe();
  const summary = await handle.result();

  expect(summary).toMatchObject({ outcome: 'succeeded', syncNo: 1, records: 10 });
  expect(rowsOf(world)).toEqual(upTo(10));
  expect(world.reads.length).toBeGreaterThan(1);
  const first = await historyOf(house.client, `sync/${name}`, firstRunId);
  expect(first.events!.at(-1)!.workflowExecutionContinuedAsNewEventAttributes).toBeTruthy();
  const { history, syncNo } = await state();
  expect(syncNo).toBe(1);
  expect(history).toMatchObject([{ outcome: 'succeeded', attempts: world.reads.length }]);
});

test('a state is not edited while a sync runs; afterwards the edit decides where the next one starts', async () => {
  const door = gate(8);
  const { world, workflow, sync, syncNow, state } = await house.connect({
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await sync();
  await until('the sync runs', door.isReached);
  const edited = {
    type: 'STREAM' as const,
    stream: { stream_descriptor: { name: 'orders' }, stream_state: { id: 7 } },
  };
  const edit = () =>
    workflow.executeUpdate(editUpdate, {
      args: [{ scope: id('orders'), state: edited, reason: 'test' }],
    });

  const { type, failure } = await failureOf(edit());
  expect(type).toBe(refusals.syncRunning);
  expect(failure.remedy).toContain('tidemark cancel');
  door.open();
  await handle.result();

  await edit();
  const bare = (await state()).checkpoints['orders']!;
  expect(bare.seq).toBe(0);
  await syncNow();
  expect(world.sent.at(-1)).toEqual({ orders: [8, 9, 10] });
  expect((await state()).checkpoints['orders']).toMatchObject({
    edition: bare.edition,
    epoch: { syncNo: 2 },
  });
});

test('a writer without a table asks Temporal before it goes on, and stops when a newer one has attached', async () => {
  const door = gate(8);
  const { world, workflow, sync } = await house.connect({
    policy: { heartbeatTimeoutMs: 2_000 },
    world: { withoutTable: true, beforeRecord: door.beforeRecord, hasState: () => true },
  });
  const handle = await sync();
  await until('the writer waits for its source', door.isReached);
  await until('record 7 is a checkpoint', () => rowsOf(world).length === 7);
  const { begun, progress } = await handle.query<SyncStatus, []>(syncStatusQuery);
  // As a later attempt would, after a freeze.
  await workflow.executeUpdate(attachUpdate, {
    args: [
      {
        lane: wholeLane,
        epoch: { syncNo: begun!.syncNo, at: progress!.epoch.at + 1 },
        hostQueue: 'elsewhere',
        label: 'elsewhere',
        hint: null,
      },
    ],
  });
  const freshMs = 1_000;
  await new Promise((resolve) => setTimeout(resolve, freshMs + 200));
  door.open();

  // The fenced-off attempt wrote nothing more: the next one reads from the checkpoint that it left.
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 2 });
  expect(world.sent.map(({ orders }) => orders![0])).toEqual([1, 8]);
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a sync without a checkpoint in its time fails when its policy says so, and names who is late', async () => {
  const door = gate(4);
  const { sync } = await house.connect({
    policy: { checkpointAgeMsMax: 2_000, onOverdue: 'fail' },
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await sync();
  await until('the sync is shown as late', async () => {
    const { progress } = await handle.query<SyncStatus, []>(syncStatusQuery);
    return progress?.late?.startsWith('the source has sent no state') === true;
  });
  const { failure } = await failureOf(handle.result());
  expect(failure).toMatchObject({ facts: { overdue: true } });
  expect(failure.place).toContain('the source has sent no state');
});

test('a rate limit is waited for, and a sync that waits is cancelled at once', async () => {
  const quotaReset = Date.now() + 3_600_000;
  const { sync } = await house.connect({
    world: {
      beforeRecord: () => {
        throw new SyncError('transient_error', 'Too many requests.', {
          origin: 'source',
          code: 'rate_limited',
          facts: { quotaReset },
        });
      },
    },
  });
  const handle = await sync();
  const nextAttempt = async (): Promise<number> => {
    const { raw } = await handle.describe();
    const write = raw.pendingActivities?.find(({ attempt }) => attempt === 2);
    return Number(write?.nextAttemptScheduleTime?.seconds ?? write?.scheduledTime?.seconds ?? 0);
  };
  await until('the next attempt is set for the reset', async () => {
    return (await nextAttempt()) >= Math.floor(quotaReset / 1_000) - 1;
  });
  await handle.cancel();
  const error = await handle.result().catch((thrown: unknown) => thrown as Error);
  expect((error as Error).cause).toBeInstanceOf(CancelledFailure);
});
