import { defaultPayloadConverter } from '@temporalio/common';
import type {
  Begun,
  CadenceFacts,
  Checkpoint,
  ConfigUpdate,
  ConnectionSpec,
  ConnectionState,
  DroppedUpdate,
  Epoch,
  Losses,
  NextAttempt,
  Pause,
  Policy,
  Progress,
  RateLimit,
  SchemaChange,
  SchemaChanges,
  SkippedSyncs,
  StreamProgress,
  StreamSelection,
  StreamSummary,
  SyncCost,
  SyncFailure,
  SyncSummary,
  UnfilledColumns,
  UnfilledStream,
  WatchedLimit,
  WriteOutcome,
} from '../protocol/index.ts';
import { createActivities } from '../activities/index.ts';
import type { WriteDetails } from '../activities/heart.ts';
import { dataConverter } from '../workflows/data-converter.ts';
import * as messages from '../workflows/messages.ts';
import { id } from './support/items.ts';

// The shape of everything that Temporal keeps. Running workflows, heartbeats and other versions of a worker read it: a change here is a
// migration. `Required` makes a new member fail to compile until it is pinned.

const epoch: Required<Epoch> = { syncNo: 3, at: 1_700_000_000_000 };
const checkpoint: Required<Checkpoint> = {
  scope: id('shop/orders'),
  edition: 1,
  epoch,
  seq: 7,
  state: {
    type: 'STREAM',
    stream: { stream_descriptor: { name: 'orders', namespace: 'shop' }, stream_state: { id: 9 } },
  },
  exact: '{"type":"STREAM","stream":{"stream_state":{"id":9007199254740993}}}',
  stateBytes: 20_000,
  complete: true,
  byStream: { [id('orders')]: { records: 1, bytes: 2 } },
  committedAt: '2026-01-01T00:00:00.000Z',
  records: 10,
  bytes: 100,
};
const failure: Required<SyncFailure> = {
  kind: 'transient_error',
  origin: 'source',
  message: 'The source went away.',
  code: 'rate_limited',
  place: 'here',
  remedy: 'Wait.',
  stream: 'orders',
  facts: { quotaReset: 1 },
};
const policy: Required<Policy> = {
  checkpointAgeMsMax: 1,
  onOverdue: 'warn',
  attemptsWithoutProgressMax: 1,
  heartbeatTimeoutMs: 1,
  parallelism: 1,
  rowsMin: 0,
  batchBytesMax: 1,
  commitIntervalMsMin: 1,
  commitIntervalMsMax: 1,
  sourceSilenceMsMax: 1,
  destinationBlockedMsMax: 1,
  noProgressMsMax: 1,
  syncMsMax: 1,
  segmentMsMax: 1,
  schemaChanges: 'pause',
  onNewColumn: 'backfill',
};
const selection: Required<StreamSelection> = {
  name: 'orders',
  namespace: 'shop',
  sync_mode: 'incremental',
  destination_sync_mode: 'append_dedup',
  cursor_field: ['updated_at'],
  primary_key: [['id']],
  columns: ['id'],
  cdc_deletes: 'soft',
};
const spec: Required<ConnectionSpec> = {
  name: 'orders',
  source: { connector: 'postgres', config: { url: '${env:URL}' } },
  destination: { connector: 'duckdb', config: { path: './x' } },
  streams: [selection],
  namespace: 'raw_${SOURCE_NAMESPACE}',
  prefix: 'shop_',
  schedule: { cron: '0 * * * *' },
  policy,
};
const begun: Required<Begun> = { connectionId: 'uuid', syncNo: 3, spec, label: 'host' };
const streamProgress: Required<StreamProgress> = {
  stream: id('orders'),
  records: 1,
  bytes: 2,
  committed: { records: 1, bytes: 2 },
  nulled: 0,
  rejected: 1,
  status: 'COMPLETE',
};
const schema: Required<SchemaChanges> = {
  id: '0123456789ab',
  taken: true,
  changes: [
    {
      stream: id('orders'),
      column: 'total',
      change: 'retyped',
      from: 'integer',
      to: 'number',
    } satisfies Required<SchemaChange>,
  ],
  count: 1,
};
const unfilled: Required<UnfilledColumns> = {
  streams: [
    {
      stream: id('orders'),
      columns: ['total'],
      count: 1,
      again: 'merges',
    } satisfies Required<UnfilledStream>,
  ],
  streamCount: 1,
};
const syncCost: Required<SyncCost> = { commits: 1, stagedBytes: 1, busyMs: 1 };
const progress: Required<Progress> = {
  phase: 'syncing',
  attempt: 1,
  epoch,
  worker: 'host/1',
  startedAt: 'now',
  read: { records: 1, bytes: 2 },
  committed: { records: 1, bytes: 2 },
  lastCheckpointAt: 'now',
  waiting: { states: 1, bytes: 2 },
  cadence: {
    ...{ why: 'batch full', commits: 1, commitMs: 1, msPerMib: 1, intervalMs: 1, share: 0.05 },
    cost: { stagedBytes: 1, busyMs: 1 },
  } satisfies Required<CadenceFacts>,
  cost: syncCost,
  resumedFrom: { orders: '{}' },
  streams: [streamProgress],
  streamCount: 1,
  rejected: 1,
  streamsDone: 1,
  late: 'the source',
  overdue: true,
  limits: [{ limit: 'sync', ms: 1, msMax: 2 } satisfies Required<WatchedLimit>],
  rateLimit: { stream: id('orders'), until: 'then' } satisfies Required<RateLimit>,
  next: { at: 'then', failure } satisfies Required<NextAttempt>,
  notices: ['n'],
  schema,
  unfilled,
};
const streamSummary: Required<StreamSummary> = {
  stream: id('orders'),
  records: 1,
  bytes: 2,
  status: null,
  nulled: 0,
  rejected: 1,
};
const summary: Required<SyncSummary> = {
  syncNo: 3,
  workflowId: 'sync/orders',
  outcome: 'failed',
  startedAt: 'now',
  endedAt: 'now',
  attempts: 2,
  streams: [streamSummary],
  streamCount: 1,
  rejected: 1,
  cost: syncCost,
  failure,
  schema,
  unfilled,
  records: 1,
  bytes: 2,
};
const losses = {
  [id('orders')]: { nulled: 1, rejected: 1 } satisfies Required<Losses>,
};
const holder: Required<messages.BeginRequest['holder']> = {
  workflowId: 'sync/orders',
  firstRunId: 'run',
};
const pause: Required<Pause> = {
  since: 'now',
  by: 'ada',
  note: 'upgrade',
  skipped: { count: 1, firstRunId: 'run', at: 'now' } satisfies Required<SkippedSyncs>,
};
const update: Required<ConfigUpdate> = {
  no: 2,
  at: 'now',
  keys: ['/credentials/refresh_token'],
  keyId: '0123abcd',
  sealed: 'tidemark1:0123abcd:AAAA',
  epoch,
  dropped: { at: 'now', because: 'applied' } satisfies Required<DroppedUpdate>,
};
const state: Required<ConnectionState> = {
  connectionId: 'uuid',
  spec,
  syncNo: 3,
  fence: { all: epoch },
  checkpoints: { 'shop/orders': checkpoint },
  generations: { [id('orders')]: 1 },
  minimumGenerations: { [id('orders')]: 1 },
  clearing: [id('orders')],
  history: [summary],
  lease: { holder, syncNo: 3, since: 'now' },
  label: 'host',
  adopt: false,
  attemptsWithoutProgress: 0,
  lastHostQueue: 'tidemark-host-1',
  lastLabel: 'host-1',
  acceptedChanges: '0123456789ab',
  paused: pause,
  updates: { source: update, destination: update },
};
const details: Required<WriteDetails> = {
  progress,
  checkpoints: [checkpoint],
  interrupted: true,
  failure,
};
const done: WriteOutcome = {
  type: 'done',
  summary: {
    ...{ records: 1, bytes: 2, streams: [streamSummary], streamCount: 1, rejected: 1 },
    ...{ schema, unfilled },
  },
  schemaHash: '00',
};
const samples = {
  state,
  details,
  begin: {
    holder,
    takeOver: holder,
    raise: 0,
    label: null,
  } satisfies Required<messages.BeginRequest>,
  attach: {
    lane: 'all',
    epoch,
    hostQueue: 'q',
    label: 'host-1',
    hint: details,
  } satisfies Required<messages.AttachRequest>,
  attached: {
    checkpoints: [checkpoint],
    generations: {},
    minimumGenerations: {},
    clearing: [id('orders')],
    adopt: false,
    attemptsWithoutProgress: 1,
    acceptedChanges: '0123456789ab',
  } satisfies Required<messages.Attached>,
  accept: { changes: '0123456789ab' } satisfies Required<messages.AcceptRequest>,
  commit: {
    lane: 'all',
    epoch,
    checkpoints: [checkpoint],
  } satisfies Required<messages.CommitRequest>,
  edit: {
    scope: id('orders'),
    state: checkpoint.state,
    exact: '{}',
    adopt: true,
    reason: 'r',
  } satisfies Required<messages.EditRequest>,
  refresh: {
    streams: [id('orders')],
    manner: 'clear',
    reason: 'r',
  } satisfies Required<messages.RefreshRequest>,
  remember: {
    ...{ connectionId: 'uuid', end: 'source', connector: 'crm', over: 1 },
    ...{ keys: ['/token'], keyId: '0123abcd', sealed: 'tidemark1:0123abcd:AAAA', epoch },
  } satisfies Required<messages.RememberRequest>,
  forget: { end: 'source' } satisfies Required<messages.ForgetRequest>,
  pause: { note: 'upgrade', by: 'ada' } satisfies Required<messages.PauseRequest>,
  paused: { firstRunId: 'run', pause } satisfies Required<messages.PausedNews>,
  held: { type: 'held', by: holder, paused: pause } satisfies Required<
    Extract<messages.BeginAnswer, { type: 'held' }>
  >,
  skipped: { type: 'skipped', by: holder, paused: pause } satisfies Required<
    Extract<messages.BeginActivityResult, { type: 'skipped' }>
  >,
  ready: { lane: 'all', hostQueue: 'q', epoch, attempt: 1 } satisfies Required<messages.Ready>,
  forwarded: { epoch, progress, checkpoints: [checkpoint] } satisfies Required<messages.Forwarded>,
  continued: {
    connection: 'orders',
    continued: {
      begun,
      startedAt: 'now',
      attempts: 1,
      segment: 2,
      checkpoints: [checkpoint],
      pausedMs: 1,
      losses,
      cost: syncCost,
    } satisfies Required<messages.Continued>,
  } satisfies Required<messages.SyncInput>,
  begun: { type: 'begun', begun, failure } satisfies Required<
    Extract<messages.BeginActivityResult, { type: 'begun' }>
  >,
  write: {
    begun,
    lane: 'all',
    endsAt: 1,
    losses,
    cost: syncCost,
  } satisfies Required<messages.WriteActivityInput>,
  read: { lane: 'all', epoch } satisfies Required<messages.ReadActivityInput>,
  done,
};

/** Every path with the type of its value, on one line each. */
function shapeOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return shapeOf(value[0], `${path}[]`);
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`];
  return Object.entries(value)
    .flatMap(([key, one]) => shapeOf(one, path === '' ? key : `${path}.${key}`))
    .sort();
}

test('what Temporal keeps has the shape it had', () => {
  const shapes = Object.fromEntries(
    Object.entries(samples).map(([name, one]) => [name, shapeOf(one)]),
  );
  expect(shapes).toMatchSnapshot();
});

test('what Temporal keeps comes back as it was, compressed when it is large', async () => {
  const [codec] = dataConverter.payloadCodecs!;
  const large = Array.from({ length: 2_000 }, (_, n) => ({ ...checkpoint, scope: `s${n}` }));
  for (const value of [...Object.values(samples), large]) {
    const payload = defaultPayloadConverter.toPayload(value);
    const encoded = await codec!.encode([payload]);
    const [decoded] = await codec!.decode(encoded);
    expect(defaultPayloadConverter.fromPayload(decoded!)).toEqual(value);
    const isLarge = payload.data!.length > 64 * 1024;
    expect(encoded[0]!.data!.length < payload.data!.length / 10).toBe(isLarge);
  }
});

test('names of handlers, activities, queues and attributes are what they were', () => {
  const deps = {} as Parameters<typeof createActivities>[0];
  expect(Object.keys(createActivities(deps)).sort()).toEqual([
    'begin',
    'end',
    'probe',
    'read',
    'write',
  ]);
  const names = Object.values(messages).flatMap((one) =>
    typeof one === 'object' && 'type' in one && 'name' in one ? [`${one.type} ${one.name}`] : [],
  );
  expect(names.sort()).toEqual([
    'query checkpoints',
    'query status',
    'query status',
    'signal checkpoint',
    'signal paused',
    'signal ready',
    'update accept',
    'update attach',
    'update begin',
    'update commit',
    'update configure',
    'update edit',
    'update end',
    'update forget',
    'update pause',
    'update refresh',
    'update remember',
    'update resume',
  ]);
  expect(messages.searchAttributes).toEqual({
    connection: { name: 'TidemarkConnection', type: 'KEYWORD' },
    status: { name: 'TidemarkStatus', type: 'KEYWORD' },
    records: { name: 'TidemarkRecords', type: 'INT' },
    checkpointAt: { name: 'TidemarkCheckpointAt', type: 'DATETIME' },
  });
  expect(messages.refusals).toEqual({
    fenced: 'Fenced',
    clock: 'ClockBehind',
    budgetSpent: 'BudgetSpent',
    syncRunning: 'SyncRunning',
    notHolder: 'NotHolder',
    superseded: 'Superseded',
    invalid: 'Invalid',
  });
  const { connectionWorkflowId, syncWorkflowId, scheduleId, dataQueue, labelQueue, hostQueue } =
    messages;
  const ids = [connectionWorkflowId('x'), syncWorkflowId('x'), scheduleId('x')];
  expect(ids).toEqual(['connection/x', 'sync/x', 'sync/x']);
  const queues = [dataQueue('q'), labelQueue('q', 'l'), hostQueue('q', 'p')];
  expect(queues).toEqual(['q-data', 'q-label-l', 'q-host-p']);
  expect(messages.wholeLane).toBe('all');
});
