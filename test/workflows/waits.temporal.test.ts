import { SyncError } from '../../protocol/index.ts';
import { upTo } from '../support/items.ts';
import { gate } from './gate.ts';
import { openHouse, rowsOf, until, type House } from './house.ts';
import { currentDetails, limited, linesOf, statusOf, viewOf } from './shown.ts';

// What a sync waits for, wherever a person may look.

let house: House;
beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

test('a source that waits for its rate limit by itself: the sync shows until when, and then that it runs', async () => {
  const resetMs = Date.now() + 3_600_000;
  const reset = new Date(resetMs).toISOString();
  const door = gate(4);
  const { name, sync, world } = await house.connect({
    world: {
      beforeRecord: door.beforeRecord,
      says: (_, n) => (n === 4 ? [limited(resetMs)] : []),
    },
  });
  const handle = await sync();
  const said = `stream orders waits for the source's rate limit until ${reset}`;
  await until('its details say so', async () =>
    (await currentDetails(house.client, handle)).includes(said),
  );
  expect(await statusOf(handle)).toBe('rate-limited');
  const view = await viewOf(house.client, handle, name);
  expect(view.attempts[0]?.progress?.rateLimit).toEqual({ stream: 'orders', until: reset });
  expect(linesOf(view)).toContain(`${said} (in 59m`);
  // It goes on earlier than it said.
  const second = gate(8);
  world.beforeRecord = second.beforeRecord;
  door.open();
  await until('it runs again', async () => (await statusOf(handle)) === 'running');
  expect(await currentDetails(house.client, handle)).not.toContain('rate limit');
  second.open();
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 1 });
});

test.each([
  [
    'the rate limit',
    { code: 'rate_limited', facts: { quotaReset: Date.now() + 3_600_000 } },
    'rate-limited',
    "waits for the source's rate limit until ",
  ],
  [
    'its next attempt, also where it failed before it had begun to write',
    {},
    'retrying',
    'next attempt at ',
  ],
] as const)(
  'an attempt that failed: the sync shows that it waits for %s',
  async (_, told, shown, said) => {
    const fail = (): never => {
      throw new SyncError('transient_error', 'Not now.', { origin: 'source', ...told });
    };
    const isLimited = 'code' in told;
    const { name, sync } = await house.connect({
      policy: { attemptsWithoutProgressMax: 100 },
      world: isLimited ? { beforeRecord: fail } : { beforeOpen: fail },
    });
    const handle = await sync();
    await until('its details say so', async () =>
      (await currentDetails(house.client, handle)).includes(said),
    );
    await until('its status says so', async () => (await statusOf(handle)) === shown);
    let view = await viewOf(house.client, handle, name);
    await until('it waits', async () => {
      view = await viewOf(house.client, handle, name);
      return view.attempts[0]?.state === 'waiting to retry';
    });
    expect(linesOf(view)).toContain(said);
    expect(view.attempts[0]).toMatchObject({ lastFailure: { message: 'Not now.' } });
    expect(view.attempts[0]?.progress?.next?.failure.message).toBe('Not now.');
    await handle.cancel();
    await handle.result().catch(() => undefined); // cancelled, as asked
  },
);

test('once it is tried again it is not shown to wait any more', async () => {
  let failures = 1;
  const door = gate(4);
  const { sync, world } = await house.connect({
    world: {
      beforeRecord: async (stream, n, input) => {
        // Before any checkpoint, which would tell it too.
        if (n === 4 && failures-- > 0)
          throw new SyncError('transient_error', 'Not now.', { origin: 'source' });
        await door.beforeRecord(stream, n, input);
      },
    },
  });
  const handle = await sync();
  await until('the second attempt runs', door.isReached);
  await until('it is shown to run', async () => (await statusOf(handle)) === 'running');
  expect(await currentDetails(house.client, handle)).not.toContain('failed');
  door.open();
  expect(await handle.result()).toMatchObject({ outcome: 'succeeded', attempts: 2 });
  expect(rowsOf(world)).toEqual(upTo(10));
});
