import { SyncError } from '../../protocol/index.ts';
import { pauseUpdate, resumeUpdate, syncStatusQuery } from '../../workflows/messages.ts';
import { upTo } from '../support/items.ts';
import { openHouse, rowsOf, until, type House } from './house.ts';

let house: House;
beforeAll(async () => {
  house = await openHouse();
  await house.worker();
});
afterAll(() => house.close());

test('values that became NULL, and what a warehouse is paid for, are counted once, over attempts, a pause and the runs of the workflow', async () => {
  const { world, sync, state, workflow } = await house.connect({
    world: { hasState: () => true, streams: { orders: 12 } },
  });
  world.faults.nulled = (_, records) => records;
  world.faults.cost = { stagedBytes: 10, busyMs: 2 };
  let failures = 1;
  let waits = false;
  const isAt = (n: number): boolean => rowsOf(world).length >= n;
  world.beforeRecord = async (_, n, { drain, abort }) => {
    if (n === 5 && failures > 0) {
      await until('four are committed', () => isAt(4));
      failures -= 1;
      throw new SyncError('transient_error', 'The source broke.', { origin: 'source' });
    }
    if (n !== 9 || waits) return;
    await until('eight are committed', () => isAt(8));
    waits = true;
    const over = AbortSignal.any([drain, abort]);
    if (!over.aborted)
      await new Promise<void>((resolve) => over.addEventListener('abort', () => resolve()));
  };
  const handle = await sync();
  await until('it waits', () => waits);
  await workflow.executeUpdate(pauseUpdate, { args: [null] });
  await until('it is paused', async () => {
    const { paused } = await handle.query(syncStatusQuery);
    const { raw } = await handle.describe();
    return paused !== undefined && (raw.pendingActivities?.length ?? 0) === 0;
  });
  await workflow.executeUpdate(resumeUpdate);
  const result = await handle.result();
  const { commits } = world.store;
  expect(commits).toBeGreaterThan(2);
  const cost = { commits, stagedBytes: 10 * commits, busyMs: 2 * commits };
  expect(result).toMatchObject({
    outcome: 'succeeded',
    records: 12,
    streams: [{ records: 12, nulled: 12 }],
    cost,
  });
  expect((await state()).history.at(-1)).toMatchObject({ streams: [{ nulled: 12 }], cost });
  expect(rowsOf(world)).toEqual(upTo(12));
});
