import type { ActivitySlotInfo, CustomSlotSupplier } from '@temporalio/worker';
import { createWriteSlots } from '../../worker/write-slots.ts';

const context = {
  slotType: 'activity',
  taskQueue: 'q',
  workerIdentity: 'w',
  workerBuildId: '',
  isSticky: false,
} as const;
const slotInfo: ActivitySlotInfo = { type: 'activity', activityType: 'write' };
const never = new AbortController().signal;

/** The suppliers of two queues that share so many slots. */
function queues(max: number): readonly [Supplier, Supplier] {
  const slots = createWriteSlots(max);
  return [1, 2].map(() => slots.tuner().activityTaskSlotSupplier as Supplier) as unknown as [
    Supplier,
    Supplier,
  ];
}
type Supplier = CustomSlotSupplier<ActivitySlotInfo>;

/** Whether a poll may begin, once everything that could let it begin has happened. */
async function begins(reserved: Promise<unknown>): Promise<boolean> {
  let begun = false;
  void reserved.then(() => (begun = true));
  await new Promise(setImmediate);
  return begun;
}

test('the last free slot lets both queues poll, and once it is used neither does', async () => {
  const [data, label] = queues(1);
  const [forData, forLabel] = [
    await data.reserveSlot(context, never),
    await label.reserveSlot(context, never),
  ];
  data.markSlotUsed({ slotInfo, permit: forData });
  // The label's poll ends without a task.
  label.releaseSlot({ permit: forLabel });
  const next = [data, label].map((queue) => queue.reserveSlot(context, never));
  expect(await Promise.all(next.map(begins))).toEqual([false, false]);
  data.releaseSlot({ slotInfo, permit: forData });
  expect(await Promise.all(next.map(begins))).toEqual([true, true]);
});

test('beyond its first poll a queue takes up only what the other one leaves', async () => {
  const [data, label] = queues(3);
  await data.reserveSlot(context, never);
  const own = await label.reserveSlot(context, never);
  await data.reserveSlot(context, never);
  const more = label.reserveSlot(context, never);
  expect(await begins(more)).toBe(false);
  label.releaseSlot({ permit: own });
  expect(await begins(more)).toBe(true);
});

test('a queue whose poll brought a task polls for the last slot too', async () => {
  const [data, label] = queues(2);
  const permit = await data.reserveSlot(context, never);
  await label.reserveSlot(context, never);
  const next = data.reserveSlot(context, never);
  expect(await begins(next)).toBe(false);
  data.markSlotUsed({ slotInfo, permit });
  expect(await begins(next)).toBe(true);
});

test('a queue does not poll for more tasks than there are slots', async () => {
  const [data] = queues(2);
  const first = await data.reserveSlot(context, never);
  await data.reserveSlot(context, never);
  const third = data.reserveSlot(context, never);
  expect(await begins(third)).toBe(false);
  data.releaseSlot({ permit: first });
  expect(await begins(third)).toBe(true);
});

test('a poll that is not wanted any more stops waiting, with the reason of the signal', async () => {
  const [data] = queues(1);
  const permit = await data.reserveSlot(context, never);
  const leaving = new AbortController();
  const left = data.reserveSlot(context, leaving.signal);
  leaving.abort();
  await expect(left).rejects.toBe(leaving.signal.reason);
  await expect(data.reserveSlot(context, leaving.signal)).rejects.toBe(leaving.signal.reason);
  data.releaseSlot({ permit });
  expect(await begins(data.reserveSlot(context, never))).toBe(true);
});
