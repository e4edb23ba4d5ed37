import { openCluster } from '../support/cluster.ts';
import { holdCrowd } from './crowd.ts';

test('12 connections by both queues on two write slots: all complete, no more than two at once, and neither queue waits for the other', async () => {
  const cluster = await openCluster({ target: 'postgres' });
  try {
    const crowd = { connections: 12, slots: 2, records: 400, recordsPerSecond: 400 } as const;
    const outcome = await holdCrowd(cluster, { ...crowd, mix: 'both queues' });
    expect([outcome.succeeded, outcome.lost]).toEqual([12, 0]);
    expect(outcome.atOnce).toBeLessThanOrEqual(2);
    // By both ways: neither queue waits for the other to be empty.
    const firstHalf = outcome.order.slice(0, 6);
    expect(new Set(firstHalf.map((i) => i % 2)).size).toBe(2);
  } finally {
    await cluster.close();
  }
});
