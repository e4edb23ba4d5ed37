import type { Client, WorkflowExecutionDescription } from '@temporalio/client';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import {
  encodeErrorToFailure,
  encodeToPayloads,
  loadDataConverter,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { attemptsOf, waitsForOf } from '../../client/sync-view.ts';
import type { HeartbeatDetails, SyncFailure } from '../../protocol/index.ts';
import { progress } from './samples.ts';

const loadedDataConverter = loadDataConverter({});
const client = { options: { loadedDataConverter } } as unknown as Client;
const details: HeartbeatDetails = { progress: progress(), checkpoints: [] };

/** PendingActivityState. */
const scheduled = 1;
const running = 2;
const cancelling = 3;
const paused = 4;

async function write(changes: Record<string, unknown> = {}): Promise<Record<string, unknown>> {
  return {
    activityId: '5',
    activityType: { name: 'write' },
    state: running,
    attempt: 2,
    heartbeatDetails: { payloads: await encodeToPayloads(loadedDataConverter, details) },
    activityOptions: { taskQueue: { name: 'tidemark-data' } },
    ...changes,
  };
}

function described(raw: Record<string, unknown>): WorkflowExecutionDescription {
  return { raw, taskQueue: 'tidemark' } as unknown as WorkflowExecutionDescription;
}

const at = (ms: number) => ({ seconds: Math.floor(ms / 1_000), nanos: 0 });

test('reads progress, the last failure and nothing of other activities', async () => {
  const lost: SyncFailure = { kind: 'transient_error', origin: 'source', message: 'Lost.' };
  const error = ApplicationFailure.create({ message: 'Lost.', details: [lost] });
  const lastFailure = await encodeErrorToFailure(loadedDataConverter, error);
  const read = { activityType: { name: 'read' }, state: running };
  const pendingActivities = [read, await write({ lastFailure })];
  expect(await attemptsOf(client, described({ pendingActivities }))).toEqual([
    {
      activityId: '5',
      attempt: 2,
      state: 'running',
      progress: details.progress,
      lastFailure: lost,
      nextAttemptAt: null,
    },
  ]);
});

test('an attempt that has not reported, or reported something else, has no progress', async () => {
  const strange = await encodeToPayloads(loadedDataConverter, 'strange');
  const pendingActivities = [
    await write({ heartbeatDetails: null }),
    await write({ heartbeatDetails: { payloads: strange } }),
    await write({ heartbeatDetails: { payloads: [defaultPayloadConverter.toPayload(undefined)] } }),
  ];
  const attempts = await attemptsOf(client, described({ pendingActivities }));
  expect(attempts.map((attempt) => attempt.progress)).toEqual([null, null, null]);
});

test('tells a scheduled attempt from one that waits to retry', async () => {
  const soon = Date.now() + 60_000;
  const pendingActivities = [
    await write({ state: scheduled, scheduledTime: at(Date.now() - 5_000) }),
    await write({ state: scheduled, nextAttemptScheduleTime: at(soon) }),
    await write({ state: cancelling }),
    await write({ state: paused }),
  ];
  const attempts = await attemptsOf(client, described({ pendingActivities }));
  expect(attempts.map(({ state }) => state)).toEqual([
    'scheduled',
    'waiting to retry',
    'cancelling',
    'paused',
  ]);
  expect(attempts[1]?.nextAttemptAt).toBe(new Date(Math.floor(soon / 1_000) * 1_000).toISOString());
});

test('names the queue that is waited for', async () => {
  expect(waitsForOf(described({ pendingWorkflowTask: { state: 1 } }))).toEqual({
    queue: 'tidemark',
    kind: 'workflow',
  });
  const pendingActivities = [await write({ state: scheduled })];
  expect(waitsForOf(described({ pendingActivities }))).toEqual({
    queue: 'tidemark-data',
    kind: 'activity',
  });
  expect(waitsForOf(described({ pendingActivities: [await write()] }))).toBeNull();
});
