import { weather } from './changes.ts';

test('a database that is written to all the time, and a worker that is killed again and again: the copy is the same, and the slot follows', async () => {
  const storm = { rows: 3_000, writesPerSecond: 300, seconds: 7, killEverySeconds: 3, seed: 7 };
  const { differing, kills, writes, lagBytes } = await weather(storm);
  expect(differing).toEqual([]);
  expect(kills).toBeGreaterThan(0);
  expect(writes).toBeGreaterThan(1_000);
  expect(lagBytes).toBeLessThan(64 * 1024 * 1024);
});
