import { randomBytes } from 'node:crypto';
import { createForwarder } from '../../activities/forwarder.ts';
import type { Checkpoint } from '../../protocol/index.ts';
import { id, streamState } from '../support/items.ts';

function checkpoint(value: string): Checkpoint {
  const scope = id('orders');
  return {
    scope,
    edition: 0,
    epoch: { syncNo: 1, at: 1 },
    seq: 1,
    state: streamState(scope, value).state,
    records: 1,
    bytes: 1,
    committedAt: '',
  };
}

test('a large state is told by its size', async () => {
  const told: Checkpoint[] = [];
  const forwarder = createForwarder(async (checkpoints) => void told.push(...checkpoints));
  forwarder.offer(checkpoint('small'));
  await forwarder.finish();
  forwarder.offer(checkpoint('x'.repeat(20_000)));
  await forwarder.finish();
  expect(told[0]).toEqual(checkpoint('small'));
  expect(told[1]!.state).toBeNull();
  expect(told[1]!.stateBytes).toBeGreaterThan(20_000);
});

test('so many bytes end the segment, whatever the number of forwards', async () => {
  const forwarder = createForwarder(() => Promise.resolve());
  const states = Array.from({ length: 2_000 }, (_, n) => ({
    ...checkpoint(randomBytes(6_000).toString('base64')),
    scope: id(`stream_${n}`),
  }));
  let forwards = 0;
  while (!forwarder.isSpent) {
    for (const one of states) forwarder.offer(one);
    await forwarder.finish();
    forwards += 1;
  }
  expect(forwards).toBeLessThan(4);
});
