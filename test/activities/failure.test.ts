import { applicationFailure, interrupted, outgoing } from '../../activities/failure.ts';
import { SyncError } from '../../protocol/index.ts';

const mask = (text: string): string => text.replaceAll('hunter2', '***');

test('whatever a failure holds, it stays below 3 KB with its kind and remedy', () => {
  const long = 'ü'.repeat(20_000);
  const error = new SyncError('config_error', long, {
    origin: 'source',
    place: long,
    remedy: long,
    stream: long,
    facts: { long },
    cause: new Error(long),
  });
  const failure = applicationFailure(outgoing(error, mask), { attempt: 7, spent: 9 });
  const size = Buffer.byteLength(
    JSON.stringify([failure.message, failure.type, failure.details, failure.stack]),
  );
  expect(size).toBeLessThan(3_000);
  expect(failure.details![0]).toMatchObject({ kind: 'config_error', origin: 'source' });
});

test('secrets are masked in every text, also deep in the facts', () => {
  const error = new SyncError('transient_error', 'No hunter2', {
    origin: 'source',
    place: 'at hunter2',
    remedy: 'Use hunter2',
    facts: { deep: [{ url: 'x:hunter2@y' }] },
  });
  const failure = applicationFailure(outgoing(error, mask), { attempt: 1 });
  expect(JSON.stringify([failure.message, failure.details])).not.toContain('hunter2');
});

test('config errors are final, others wait as long as they are told, and never zero', () => {
  const failureOf = (kind: SyncError['kind']) =>
    outgoing(new SyncError(kind, 'No', { origin: 'source' }), mask);
  expect(applicationFailure(failureOf('config_error'), { attempt: 1 }).nonRetryable).toBe(true);
  const transient = applicationFailure(failureOf('transient_error'), {
    attempt: 1,
    retryDelayMs: 0.2,
  });
  expect(transient).toMatchObject({
    nonRetryable: false,
    type: 'transient_error',
    nextRetryDelay: 1,
  });
  const spent = applicationFailure(failureOf('system_error'), { attempt: 5, spent: 5 });
  expect(spent).toMatchObject({ nonRetryable: true, type: 'BudgetSpent' });
  expect(spent.message).toContain('after 5 attempts');
});

test('an interruption is benign and goes on at once', () => {
  expect(interrupted({ records: 1, bytes: 2 })).toMatchObject({
    type: 'Interrupted',
    nonRetryable: false,
    nextRetryDelay: '1ms',
    category: 'BENIGN',
  });
});
