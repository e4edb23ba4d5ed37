import { outcomeOf, type AttemptOutcome } from '../../activities/meters.ts';
import type { StopReason } from '../../activities/stop.ts';
import { SyncError } from '../../protocol/index.ts';

const stopped = (type: Exclude<StopReason['type'], 'failed'>): StopReason => ({ type });
const error = new SyncError('transient_error', 'Fenced.', { origin: 'destination' });

test.each<[StopReason | null, AttemptOutcome]>([
  [null, 'failed'],
  [{ type: 'failed', error }, 'failed'],
  [stopped('segment'), 'failed'],
  [stopped('cancelled'), 'cancelled'],
  [stopped('shutdown'), 'interrupted'],
  [stopped('paused'), 'interrupted'],
  [stopped('gone'), 'interrupted'],
])('an attempt that threw, stopped by %j, has %s', (reason, outcome) => {
  expect(outcomeOf({ reason }, null)).toBe(outcome);
});

test('an attempt that answers is done, or its sync goes on in another, whatever stopped it', () => {
  const reason = stopped('segment');
  expect(outcomeOf({ reason }, { type: 'more' })).toBe('continued');
  expect(outcomeOf({ reason: null }, { type: 'raise', syncNo: 7 })).toBe('continued');
  const summary = { records: 1, bytes: 1, streams: [], streamCount: 0 };
  expect(
    outcomeOf({ reason: stopped('shutdown') }, { type: 'done', summary, schemaHash: '' }),
  ).toBe('done');
});
