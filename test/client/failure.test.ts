import {
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
} from '@temporalio/client';
import {
  ActivityFailure,
  ApplicationFailure,
  NamespaceNotFoundError,
  TerminatedFailure,
  TimeoutFailure,
} from '@temporalio/common';
import { clientError, failureOf, isWorkerMissing } from '../../client/failure.ts';
import { SyncError, type SyncFailure } from '../../protocol/index.ts';

const refused: SyncFailure = {
  kind: 'config_error',
  origin: 'destination',
  message: 'The password was refused.',
  place: 'shop@db:5432',
  remedy: 'Correct SHOP_URL.',
};
const lost: SyncFailure = { kind: 'transient_error', origin: 'source', message: 'The line broke.' };

function application(failure: SyncFailure, cause?: Error): ApplicationFailure {
  return ApplicationFailure.create({
    message: failure.message,
    type: failure.kind,
    details: [failure],
    ...(cause !== undefined && { cause }),
  });
}

const failed = (cause: Error): Error =>
  new WorkflowFailedError('failed', cause, 'NON_RETRYABLE_FAILURE');
const inActivity = (cause: Error): Error =>
  new ActivityFailure(
    'Activity task failed',
    'write',
    '1',
    'NON_RETRYABLE_FAILURE',
    'worker',
    cause,
  );

function grpcError(code: number, details: string): Error {
  const error = Object.assign(new Error(details), { code, details, metadata: {} });
  return new Error('Failed', { cause: error });
}

test('finds our failure below the wrappers of workflow and activity', () => {
  expect(failureOf(failed(inActivity(application(refused))))).toEqual(refused);
});

test('tells what was decided, not what it was decided from', () => {
  expect(failureOf(failed(application(refused, application(lost))))).toEqual(refused);
});

test('ignores details that are not ours', () => {
  const foreign = ApplicationFailure.create({ message: 'odd', details: [{ kind: 'strange' }] });
  expect(failureOf(failed(foreign))).toEqual({
    kind: 'system_error',
    origin: 'tidemark',
    message: 'odd',
  });
});

test('tells what Temporal reports in words of ours', () => {
  const silent = failureOf(inActivity(new TimeoutFailure('timed out', undefined, 'HEARTBEAT')));
  expect(silent).toMatchObject({ kind: 'transient_error', origin: 'tidemark' });
  expect(silent.message).toContain('went silent');
  const terminated = failureOf(failed(new TerminatedFailure('terminated')));
  expect(terminated.message).toContain('terminated');
  expect(terminated.remedy).toContain('last checkpoint');
});

test('keeps all that a refused update says', () => {
  const error = clientError(
    new WorkflowUpdateFailedError('refused', application(refused)),
    'orders',
  );
  expect(error).toBeInstanceOf(SyncError);
  expect(error.toFailure()).toEqual(refused);
});

test.each([
  [
    'a missing workflow',
    new WorkflowNotFoundError('not found', 'connection/x', undefined),
    'tidemark apply',
  ],
  ['a missing namespace', new NamespaceNotFoundError('nope'), 'TEMPORAL_NAMESPACE'],
  [
    'search attributes that are not registered',
    grpcError(
      3,
      'Namespace default has no mapping defined for search attribute TidemarkConnection',
    ),
    '--name TidemarkConnection --type Keyword',
  ],
  ['credentials that are refused', grpcError(16, 'unauthenticated'), 'TEMPORAL_API_KEY'],
  ['a server that cannot be reached', grpcError(14, 'no connection'), 'tidemark dev'],
])('%s is a config error with its remedy', (_, error, remedy) => {
  const known = clientError(error, 'orders');
  expect(known.kind).toBe('config_error');
  expect(known.place).toBe('orders');
  expect(known.remedy).toContain(remedy);
});

test('a deadline is a transient error that points at the workers', () => {
  const known = clientError(grpcError(4, 'Deadline exceeded'), 'orders');
  expect(known.kind).toBe('transient_error');
  expect(known.remedy).toContain('tidemark worker');
  expect(isWorkerMissing(grpcError(4, 'Deadline exceeded'))).toBe(true);
  expect(isWorkerMissing(grpcError(9, 'no poller seen for task queue recently'))).toBe(true);
  expect(isWorkerMissing(grpcError(9, 'Workflow execution closed'))).toBe(false);
});
