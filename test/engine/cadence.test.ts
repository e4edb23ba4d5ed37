import { cadenceBounds, defaultCadence, defaultPolicy } from '../../protocol/index.ts';
import { createCadence, intervalMsLimit } from '../../engine/cadence.ts';

const bounds = { batchBytesMax: 1000, intervalMsMin: 100, intervalMsMax: 60_000 };
const mib = 1024 * 1024;
const costing = (ms: number) => ({ ms, bytes: 0 });

test('commits when the batch is big enough or old enough, and not before', () => {
  const cadence = createCadence(bounds, 0);
  expect(cadence.whyDue({ bytes: 999, since: 0 }, 99)).toBeNull();
  expect(cadence.whyDue({ bytes: 1000, since: 0 }, 0)).toBe('batch full');
  expect(cadence.whyDue({ bytes: 1, since: 0 }, 100)).toBe('interval');
  expect(cadence.dueAt({ bytes: 1, since: 50 })).toBe(150);
});

test('stretches the interval so that commits cost about 5 % of the time', () => {
  const cadence = createCadence(bounds, 0);
  for (let n = 0; n < 50; n += 1) cadence.learn(costing(400));
  const { commitMs, intervalMs, commits } = cadence.facts('interval', 1);
  expect([commitMs, commits]).toEqual([400, 50]);
  expect(400 / (400 + intervalMs)).toBeCloseTo(0.05);
});

test('never stretches past its bound, nor past 15 minutes', () => {
  const cadence = createCadence(bounds, 0);
  cadence.learn(costing(1e9));
  expect(cadence.facts('interval', 1).intervalMs).toBe(60_000);
  const unbounded = createCadence({ ...bounds, intervalMsMax: 1e12 }, 0);
  unbounded.learn(costing(1e9));
  expect(unbounded.facts('interval', 1).intervalMs).toBe(intervalMsLimit);
});

test('tells what commits cost: each, by size, and of the time', () => {
  const cadence = createCadence(bounds, 1_000);
  expect(cadence.facts('end', 1_000)).toEqual({
    ...{ why: 'end', commits: 0, commitMs: 0, msPerMib: null, intervalMs: 100, share: 0 },
  });
  cadence.learn({ ms: 100, bytes: 2 * mib });
  cadence.learn({ ms: 200, bytes: 4 * mib });
  expect(cadence.facts('batch full', 7_000)).toEqual({
    ...{ why: 'batch full', commits: 2, commitMs: 130, msPerMib: 50, share: 0.05 },
    intervalMs: 2_470,
  });
});

test('adds up what a warehouse charges', () => {
  const cadence = createCadence(bounds, 0);
  const cost = { stagedBytes: 10, busyMs: 3 };
  for (let n = 0; n < 2; n += 1) cadence.learn({ ms: 1, bytes: 1, cost });
  cadence.learn({ ms: 1, bytes: 1 });
  expect(cadence.facts('end', 1).cost).toEqual({ stagedBytes: 20, busyMs: 6 });
});

test('a policy says when to commit, or else the destination does, or else all do the same', () => {
  const suitable = { batchBytesMax: 7, intervalMsMin: 8, intervalMsMax: 9 };
  expect(cadenceBounds(defaultPolicy)).toEqual(defaultCadence);
  expect(cadenceBounds(defaultPolicy, suitable)).toEqual(suitable);
  const policy = { ...defaultPolicy, batchBytesMax: 1, commitIntervalMsMin: 2 };
  expect(cadenceBounds(policy, suitable)).toEqual({
    ...{ batchBytesMax: 1, intervalMsMin: 2, intervalMsMax: 9 },
  });
});
