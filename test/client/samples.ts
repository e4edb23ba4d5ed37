import {
  defaultPolicy,
  streamId,
  type ConnectionState,
  type Progress,
  type SchemaChanges,
  type SyncSummary,
} from '../../protocol/index.ts';
import type { AttemptView, SyncView } from '../../client/sync-view.ts';

export const now = Date.parse('2026-03-01T12:00:00.000Z');
export const ordersId = streamId({ name: 'orders' });

export function progress(changes: Partial<Progress> = {}): Progress {
  return {
    phase: 'syncing',
    attempt: 1,
    epoch: { syncNo: 3, at: 1_772_366_300_000 },
    worker: 'host-a:4711',
    startedAt: '2026-03-01T11:58:00.000Z',
    read: { records: 120_000, bytes: 12_900_000 },
    committed: { records: 100_000, bytes: 10_700_000 },
    lastCheckpointAt: '2026-03-01T11:59:57.000Z',
    waiting: { states: 2, bytes: 1_258_291 },
    resumedFrom: { orders: '{"updated_at":"2026-02-28"}' },
    streams: [
      {
        stream: ordersId,
        records: 120_000,
        bytes: 12_900_000,
        committed: { records: 100_000, bytes: 10_700_000 },
        nulled: 0,
        status: 'RUNNING',
      },
    ],
    streamCount: 1,
    ...changes,
  };
}

export function attempt(changes: Partial<AttemptView> = {}): AttemptView {
  return {
    activityId: '1',
    attempt: 1,
    state: 'running',
    progress: progress(),
    lastFailure: null,
    nextAttemptAt: null,
    ...changes,
  };
}

export function view(changes: Partial<SyncView> = {}): SyncView {
  return {
    connection: 'orders',
    workflowId: 'sync/orders',
    startedAt: '2026-03-01T11:58:00.000Z',
    attempts: [attempt()],
    forwarded: null,
    unpolled: null,
    pause: null,
    summary: null,
    ...changes,
  };
}

export function summary(changes: Partial<SyncSummary> = {}): SyncSummary {
  return {
    syncNo: 3,
    workflowId: 'sync/orders',
    outcome: 'succeeded',
    startedAt: '2026-03-01T11:58:00.000Z',
    endedAt: '2026-03-01T12:00:00.000Z',
    attempts: 2,
    records: 200_000,
    bytes: 21_400_000,
    streams: [
      { stream: ordersId, records: 200_000, bytes: 21_400_000, status: 'COMPLETE', nulled: 4 },
    ],
    streamCount: 1,
    ...changes,
  };
}

export function connectionState(changes: Partial<ConnectionState> = {}): ConnectionState {
  return {
    connectionId: '6a0d2c2e-0000-4000-8000-000000000000',
    spec: {
      name: 'orders',
      source: { connector: 'postgres', config: {} },
      destination: { connector: 'duckdb', config: {} },
      schedule: { every: '15m' },
      policy: defaultPolicy,
    },
    syncNo: 3,
    fence: {},
    checkpoints: {
      [ordersId]: {
        scope: ordersId,
        edition: 0,
        epoch: { syncNo: 3, at: 1_772_366_300_000 },
        seq: 7,
        records: 200_000,
        bytes: 21_400_000,
        state: {
          type: 'STREAM',
          stream: { stream_descriptor: { name: 'orders' }, stream_state: { id: 9007199254740992 } },
        },
        exact:
          '{"type":"STREAM","stream":{"stream_descriptor":{"name":"orders"},"stream_state":{"id":9007199254740993}}}',
        committedAt: '2026-03-01T11:59:00.000Z',
      },
    },
    generations: {},
    minimumGenerations: {},
    clearing: [],
    history: [summary()],
    lease: null,
    label: null,
    adopt: false,
    attemptsWithoutProgress: 0,
    lastHostQueue: 'tidemark-host-1',
    lastLabel: 'host',
    ...changes,
  };
}

export const schema: SchemaChanges = {
  id: '0123456789ab',
  taken: false,
  changes: [{ stream: ordersId, column: 'note', change: 'added', to: 'string' }],
  count: 5,
};
