import type { ReadInput, JsonObject } from '../../protocol/index.ts';
import { pauseUpdate, resumeUpdate, syncStatusQuery } from '../../workflows/messages.ts';
import { textIn } from '../support/history-text.ts';
import { upTo } from '../support/items.ts';
import type { World } from '../support/memory-connectors.ts';
import { samplesOf } from '../worker/scrape.ts';
import { gate } from './gate.ts';
import { failureOf, historyOf, openHouse, rowsOf, until, type House } from './house.ts';
import { currentDetails, limited, linesOf, statusOf, viewOf } from './shown.ts';

// Each limit of a policy, on real attempts; what is judged how is in test/activities/watchdog.test.ts.

let house: House;
beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A source that stops before record n of its first reading, until it is drained. */
function stops(n: number, meanwhile?: (input: ReadInput<JsonObject>) => void) {
  let reached = 0;
  return {
    reached: () => reached,
    beforeRecord: async (_: string, at: number, input: ReadInput<JsonObject>): Promise<void> => {
      if (at !== n || reached > 0) return;
      reached += 1;
      const timer = setInterval(() => meanwhile?.(input), 50);
      const over = AbortSignal.any([input.drain, input.abort]);
      if (!over.aborted)
        await new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
      clearInterval(timer);
    },
  };
}

/** Hangs the first time. */
function hangsOnce(): () => Promise<void> {
  let times = 0;
  return async () => {
    times += 1;
    if (times === 1) await new Promise(() => undefined);
  };
}

test('a checkpoint that is overdue is shown in the heartbeat, the details, the search attribute, the metric and the command line; the next one ends that', async () => {
  const door = gate(4);
  const { name, sync, world } = await house.connect({
    policy: { checkpointAgeMsMax: 4_000 },
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await sync();
  const overdue = async (): Promise<number | undefined> =>
    samplesOf(await house.metrics.text()).get(`tidemark_checkpoint_overdue{connection="${name}"}`);
  await until('it is warned at half', async () => (await statusOf(handle)) === 'late');
  await until('it is overdue', async () => (await statusOf(handle)) === 'overdue');
  expect(await overdue()).toBe(1);
  const view = await viewOf(house.client, handle, name);
  expect(view.attempts[0]?.progress).toMatchObject({
    overdue: true,
    late: expect.stringContaining('the source has sent no state for'),
  });
  expect(linesOf(view)).toMatch(/overdue: the source has sent no state for/);
  expect(await currentDetails(house.client, handle)).toMatch(
    /\*\*Overdue:\*\* the source has sent no state for/,
  );
  expect(view.attempts[0]?.progress?.limits).toContainEqual({
    limit: 'checkpoint_age',
    ms: expect.any(Number),
    msMax: 4_000,
  });
  const second = gate(8);
  world.beforeRecord = second.beforeRecord;
  door.open();
  await until('its commit is told', async () => {
    const { attempts } = await viewOf(house.client, handle, name);
    return attempts[0]?.progress?.cadence?.commits === 1;
  });
  second.open();
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 1 });
  expect(await overdue()).toBe(0);
});

test.each<[string, Partial<World>]>([
  ['open', { beforeOpen: hangsOnce() }],
  ['commit', { beforeCommit: hangsOnce() }],
])(
  'a destination that does not come back from its %s fails the attempt, and the next one goes on',
  async (_, world) => {
    const { sync, world: own } = await house.connect({
      policy: { destinationBlockedMsMax: 1_000 },
      world,
    });
    const handle = await sync();
    await until('the blocked destination is told', async () => {
      const { progress } = await handle.query(syncStatusQuery);
      return progress?.next?.failure.message === 'The destination takes nothing.';
    });
    const { progress } = await handle.query(syncStatusQuery);
    expect(progress?.next?.failure.origin).toBe('destination');
    expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 2, records: 10 });
    expect(rowsOf(own)).toEqual(upTo(10));
  },
);

test('a source that lives, and sends no record for too long, makes no progress', async () => {
  const { beforeRecord } = stops(8, (input) => input.lives?.());
  const { world, syncNow, name } = await house.connect({
    policy: { noProgressMsMax: 1_500, sourceSilenceMsMax: 60_000 },
    world: { beforeRecord },
  });
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', attempts: 2 });
  expect(rowsOf(world)).toEqual(upTo(10));
  const told = textIn(await historyOf(house.client, `sync/${name}`));
  expect(told).toContain('The sync makes no progress.');
});

test('a source is not silent while it shows life that no item tells of', async () => {
  const silenceMs = 1_500;
  const door = gate(8);
  let timer: NodeJS.Timeout | undefined;
  const { sync, world } = await house.connect({
    policy: { sourceSilenceMsMax: silenceMs },
    world: {
      beforeRecord: (stream, n, input) => {
        timer ??= setInterval(() => input.lives?.(), 50);
        return door.beforeRecord(stream, n, input);
      },
    },
  });
  const handle = await sync();
  await until('it waits', door.isReached);
  await sleep(silenceMs * 2);
  door.open();
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 1 });
  clearInterval(timer);
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('a source is neither silent nor idle before the reset of its rate limit', async () => {
  const limitMs = 1_500;
  const door = gate(8);
  const { sync } = await house.connect({
    policy: { sourceSilenceMsMax: limitMs, noProgressMsMax: limitMs },
    world: {
      beforeRecord: door.beforeRecord,
      says: (_, n) => (n === 8 ? [limited(Date.now() + 3_600_000)] : []),
    },
  });
  const handle = await sync();
  await until('it waits', door.isReached);
  await sleep(limitMs * 2);
  door.open();
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 1 });
});

test('a sync that takes longer than it may drains to a checkpoint and fails; the next one goes on from there', async () => {
  let isOpen = false;
  const { world, sync, syncNow, state } = await house.connect({
    policy: { syncMsMax: 6_000, segmentMsMax: 500 },
    world: {
      hasState: () => true,
      beforeRecord: async (_, n, { drain, abort }) => {
        if (isOpen) return;
        // Its segments end meanwhile: the time is the whole sync's.
        if (n < 8) return sleep(200);
        const over = AbortSignal.any([drain, abort]);
        if (!over.aborted)
          await new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
      },
    },
  });
  const handle = await sync();
  const { failure } = await failureOf(handle.result());
  expect(failure).toMatchObject({
    origin: 'tidemark',
    message: 'The sync took longer than it may.',
    facts: { syncMsMax: 6_000 },
  });
  const [past] = (await state()).history;
  expect(past).toMatchObject({ outcome: 'failed', failure: { message: failure.message } });
  const { records } = past!;
  expect(records).toBeGreaterThan(0);
  expect((await handle.describe()).runId).not.toBe(handle.firstExecutionRunId);
  expect(rowsOf(world)).toEqual(upTo(records));
  isOpen = true;
  expect(await syncNow()).toMatchObject({ outcome: 'succeeded', records: 10 - records });
  expect(rowsOf(world)).toEqual(upTo(10));
});

test('the time of a sync passes while it waits to retry, and not in a pause', async () => {
  const syncMsMax = 8_000;
  const waiting = await house.connect({
    policy: { syncMsMax },
    world: { says: (_, n) => (n === 8 ? [limited(Date.now() + 3_600_000)] : []) },
  });
  waiting.world.beforeRecord = (_, n) => {
    if (n === 8) throw new Error('The quota is used up.');
  };
  const ends = failureOf((await waiting.sync()).result());

  const door = gate(8);
  const paused = await house.connect({
    policy: { syncMsMax },
    world: { beforeRecord: door.beforeRecord },
  });
  const handle = await paused.sync();
  await until('it waits', door.isReached);
  const { workflow } = paused;
  await workflow.executeUpdate(pauseUpdate, { args: [null] });
  await sleep(syncMsMax);
  door.open();
  await workflow.executeUpdate(resumeUpdate);
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', records: 10 });
  expect((await ends).failure.message).toBe('The sync took longer than it may.');
});
