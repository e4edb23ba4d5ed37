import { createCadence, intervalMsLimit } from '../../engine/cadence.ts';

const bounds = { batchBytesMax: 1000, intervalMsMin: 100, intervalMsMax: 60_000 };

test('commits when the batch is big enough or old enough, and not before', () => {
  const cadence = createCadence(bounds);
  expect(cadence.isDue({ bytes: 999, since: 0 }, 99)).toBe(false);
  expect(cadence.isDue({ bytes: 1000, since: 0 }, 0)).toBe(true);
  expect(cadence.isDue({ bytes: 1, since: 0 }, 100)).toBe(true);
  expect(cadence.dueAt({ bytes: 1, since: 50 })).toBe(150);
});

test('stretches the interval so that commits cost about 5 % of the time', () => {
  const cadence = createCadence(bounds);
  for (let n = 0; n < 50; n += 1) cadence.learn(400);
  expect(cadence.commitMs).toBeCloseTo(400);
  expect(400 / (400 + cadence.intervalMs)).toBeCloseTo(0.05);
});

test('never stretches past its bound, nor past 15 minutes', () => {
  const cadence = createCadence(bounds);
  cadence.learn(1e9);
  expect(cadence.intervalMs).toBe(60_000);
  const unbounded = createCadence({ ...bounds, intervalMsMax: 1e12 });
  unbounded.learn(1e9);
  expect(unbounded.intervalMs).toBe(intervalMsLimit);
});
