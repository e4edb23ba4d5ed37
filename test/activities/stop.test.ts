import { createStop } from '../../activities/stop.ts';
import { SyncError } from '../../protocol/index.ts';

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

function stopWith(bounds: { soonMsMax: number; segmentMsMax: number }) {
  const context = {
    cancellationSignal: new AbortController().signal,
    cancellationDetails: undefined,
  };
  const stop = createStop(context, bounds);
  stop.drains();
  return stop;
}

test('a drain is cut short soon, but for the end of a segment, for which nobody waits', async () => {
  const error = new SyncError('transient_error', 'late', { origin: 'tidemark' });
  const [soon, segment] = [5, 600_000];
  const patient = stopWith({ soonMsMax: soon, segmentMsMax: segment });
  const hurried = stopWith({ soonMsMax: soon, segmentMsMax: segment });
  patient.ask({ type: 'segment' });
  hurried.ask({ type: 'failed', error });
  expect([patient.drain.aborted, hurried.drain.aborted]).toEqual([true, true]);
  await aborted(hurried.abort);
  expect(patient.abort.aborted).toBe(false);
  // Something else that comes meanwhile is in a hurry again.
  patient.ask({ type: 'failed', error });
  await aborted(patient.abort);
  patient.dispose();
  hurried.dispose();
});
