import { quotaMsMax, retryPauseMs } from '../../activities/retry-pause.ts';

const now = 1_700_000_000_000;
const second = 1_000;

test.each([
  ['grows with each attempt that made no checkpoint', { echoes: 0, without: 1 }, 1 * second],
  ['', { echoes: 0, without: 2 }, 2 * second],
  ['', { echoes: 0, without: 4 }, 10 * second],
  ['no further than a minute', { echoes: 0, without: 400 }, 60 * second],
  ['starts anew with a checkpoint', { echoes: 1, without: 7 }, 1 * second],
  ['is short where nobody has counted', { echoes: 0, without: 0 }, 1 * second],
])('the pause before the next attempt %s (%j)', (_, failed, ms) => {
  expect(retryPauseMs({ ...failed, resetMs: null }, now)).toBe(ms);
});

test('a rate limit is waited for to its reset, a day at most, and never for no time', () => {
  const failed = { echoes: 1, without: 3 };
  expect(retryPauseMs({ ...failed, resetMs: now + 12_345 }, now)).toBe(12_345);
  expect(retryPauseMs({ ...failed, resetMs: now + 9e12 }, now)).toBe(quotaMsMax);
  expect(retryPauseMs({ ...failed, resetMs: now - 1 }, now)).toBe(1);
});
