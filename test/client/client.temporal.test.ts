import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import {
  createSyncClient,
  SyncError,
  type ConnectionSpec,
  type SyncClient,
  type SyncFailure,
  type SyncView,
} from '../../client/index.ts';
import { defaultPolicy } from '../../protocol/index.ts';
import { dataConverter } from '../../workflows/data-converter.ts';
import {
  attachUpdate,
  connectionWorkflowId,
  labelQueue,
  scheduleId,
  syncWorkflowId,
} from '../../workflows/messages.ts';
import { run } from './fake-io.ts';
import {
  done,
  heartbeat,
  startWorkers,
  thrown,
  untilCancelled,
  type FakeWorkers,
} from './fake-workers.ts';

const eventuallyMsMax = 20_000;
const unique = (): string => randomUUID().slice(0, 8);

let temporal: Client;
let workers: FakeWorkers;
let client: SyncClient;
const closings: (() => Promise<void>)[] = [];

beforeAll(async () => {
  const connection = await Connection.connect({ address: process.env['TEST_TEMPORAL_ADDRESS']! });
  closings.push(() => connection.close());
  temporal = new Client({ connection, dataConverter });
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  workers = await startWorkers(temporal, `client-${unique()}`);
  closings.push(() => workers.stop());
  client = await createSyncClient({ client: temporal, taskQueue: workers.queue });
});

afterAll(async () => {
  for (const close of closings.toReversed()) await close();
});

function specOf(changes: Partial<ConnectionSpec> = {}): ConnectionSpec {
  return {
    name: `c-${unique()}`,
    source: { connector: 'memory', config: { rows: 10 } },
    destination: { connector: 'memory', config: {} },
    policy: { ...defaultPolicy, heartbeatTimeoutMs: 10_000 },
    ...changes,
  };
}

async function applied(changes: Partial<ConnectionSpec> = {}): Promise<string> {
  const spec = specOf(changes);
  await client.apply(spec);
  return spec.name;
}

async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + eventuallyMsMax;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('It did not come.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function rejection(promise: Promise<unknown>): Promise<SyncFailure> {
  const error: unknown = await promise.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof SyncError) return error.toFailure();
  throw new Error('It was not refused with a SyncError.', { cause: error });
}

test('apply creates a connection once, sees no change, then stores one', async () => {
  const spec = specOf();
  expect(await client.apply(spec)).toEqual({ connection: 'created', schedule: 'none' });
  const { connectionId } = await client.status(spec.name);
  expect(connectionId).toMatch(/^[0-9a-f-]{36}$/);
  expect(await client.apply(spec)).toEqual({ connection: 'unchanged', schedule: 'none' });
  const changed = { ...spec, source: { ...spec.source, config: { rows: 20 } } };
  expect(await client.apply(changed)).toEqual({ connection: 'updated', schedule: 'none' });
  const stored = await client.status(spec.name);
  expect(stored.spec).toEqual(changed);
  expect(stored.connectionId).toBe(connectionId);
});

test('apply makes the schedule what the spec says: skip while one runs, catch up an hour, stay paused', async () => {
  const spec = specOf({ schedule: { every: '6h' } });
  expect((await client.apply(spec)).schedule).toBe('created');
  const handle = temporal.schedule.getHandle(scheduleId(spec.name));
  const made = await handle.describe();
  expect(made.policies).toMatchObject({ overlap: 'SKIP', catchupWindow: 3_600_000 });
  expect(made.spec.intervals).toMatchObject([{ every: 21_600_000 }]);
  expect(made.action).toMatchObject({
    workflowType: 'syncWorkflow',
    workflowId: syncWorkflowId(spec.name),
    taskQueue: workers.queue,
    args: [{ connection: spec.name }],
  });

  await client.schedules.pause(spec.name, 'upgrade');
  const cron = { ...spec, schedule: { cron: '5 4 * * *', timezone: 'Europe/Berlin' } };
  expect((await client.apply(cron)).schedule).toBe('updated');
  expect(await client.schedules.describe(spec.name)).toMatchObject({
    paused: true,
    note: 'upgrade',
  });
  expect((await handle.describe()).spec).toMatchObject({
    calendars: [{ minute: [{ start: 5 }], hour: [{ start: 4 }] }],
    timezone: 'Europe/Berlin',
  });
  await client.schedules.resume(spec.name);
  expect((await client.schedules.describe(spec.name))?.paused).toBe(false);

  const { schedule: _, ...without } = spec;
  expect((await client.apply(without)).schedule).toBe('deleted');
  expect(await client.schedules.describe(spec.name)).toBeNull();
  expect(await rejection(client.schedules.trigger(spec.name))).toMatchObject({
    kind: 'config_error',
    message: 'This connection has no schedule.',
  });
});

test('a schedule that the server refuses is a config error', async () => {
  const failure = await rejection(client.apply(specOf({ schedule: { cron: '99 * * * *' } })));
  expect(failure).toMatchObject({
    kind: 'config_error',
    message: 'The server refuses this schedule.',
  });
});

test('a sync runs to its summary and can be found by its connection', async () => {
  const name = await applied();
  const sync = await client.startSync(name);
  expect(sync).toMatchObject({ origin: 'started', workflowId: syncWorkflowId(name) });
  expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records: 10, syncNo: 1 });
  const query = `TidemarkConnection = '${name}' AND WorkflowType = 'syncWorkflow'`;
  const found = await eventually(async () => {
    for await (const execution of temporal.workflow.list({ query })) return execution;
    return undefined;
  });
  expect(found.workflowId).toBe(syncWorkflowId(name));
  const description = await temporal.workflow.getHandle(sync.workflowId).describe();
  expect(await description.staticSummary()).toBe(`Sync of ${name}`);
  const { history } = await client.status(name);
  expect(history).toMatchObject([{ outcome: 'succeeded', syncNo: 1 }]);
});

test('a second start attaches to the running sync', async () => {
  const name = await applied();
  workers.scripts.set(name, untilCancelled);
  const first = await client.startSync(name);
  const second = await client.startSync(name);
  expect(second).toMatchObject({ origin: 'attached', firstRunId: first.firstRunId });
  await eventually(async () => ((await client.status(name)).lease === null ? undefined : true));
  const third = await client.startSync(name);
  expect(third).toMatchObject({ origin: 'attached', firstRunId: first.firstRunId });
  await second.cancel();
  expect(await first.result()).toMatchObject({ outcome: 'cancelled' });
});

test("attaches to the schedule's sync while it holds the connection, and a second trigger is skipped", async () => {
  const name = await applied({ schedule: { every: '6h' } });
  workers.scripts.set(name, untilCancelled);
  await client.schedules.trigger(name);
  await eventually(async () => ((await client.status(name)).lease === null ? undefined : true));
  const attached = await client.startSync(name);
  expect(attached.origin).toBe('attached');
  expect(attached.workflowId).toMatch(new RegExp(`^${syncWorkflowId(name)}-2`));

  await client.schedules.trigger(name);
  const handle = temporal.schedule.getHandle(scheduleId(name));
  await eventually(async () => {
    const { info } = await handle.describe();
    return info.numActionsSkippedOverlap > 0 ? true : undefined;
  });
  expect((await handle.describe()).info.runningActions).toHaveLength(1);

  const cancelled = await client.cancel(name);
  expect(cancelled?.workflowId).toBe(attached.workflowId);
  expect(await attached.result()).toMatchObject({ outcome: 'cancelled' });
  expect(await client.cancel(name)).toBeNull();
});

const lost: SyncFailure = {
  kind: 'transient_error',
  origin: 'source',
  message: 'The source lost its connection.',
  place: 'db:5432',
  remedy: 'Check the database.',
};

test('watching shows heartbeats, a failed attempt and the next one, then the summary', async () => {
  const name = await applied();
  let finish = (): void => undefined;
  const finished = new Promise<void>((resolve) => (finish = resolve));
  workers.scripts.set(name, async (attempt) => {
    heartbeat(attempt);
    if (attempt === 1) throw thrown(lost, false);
    await finished;
    return done;
  });
  const views: SyncView[] = [];
  const sync = await client.startSync(name);
  for await (const view of sync.watch({ everyMs: 50 })) {
    views.push(view);
    const [attempt] = view.attempts;
    if (attempt?.attempt === 2 && attempt.progress?.attempt === 2) finish();
  }
  expect(views.at(-1)?.summary).toMatchObject({ outcome: 'succeeded', records: 10 });
  const second = views.findLast(({ attempts }) => attempts[0]?.progress?.attempt === 2);
  expect(second?.attempts).toMatchObject([
    { attempt: 2, state: 'running', lastFailure: lost, progress: { worker: 'host-a:4711' } },
  ]);
});

test('leaving a watch leaves the sync running', async () => {
  const name = await applied();
  workers.scripts.set(name, untilCancelled);
  const sync = await client.startSync(name);
  const left = new AbortController();
  for await (const _ of sync.watch({ everyMs: 10, signal: left.signal })) left.abort();
  expect((await sync.status()).summary).toBeNull();
  await sync.cancel();
  expect(await sync.result()).toMatchObject({ outcome: 'cancelled' });
  expect((await sync.status()).summary).toMatchObject({ outcome: 'cancelled' });
});

test('a failed sync has its summary, with what failed', async () => {
  const name = await applied();
  const refused: SyncFailure = { ...lost, kind: 'config_error', origin: 'destination' };
  workers.scripts.set(name, async () => {
    throw thrown(refused, true);
  });
  const sync = await client.startSync(name);
  expect(await sync.result()).toMatchObject({ outcome: 'failed', failure: refused });
  const { code, out } = await run(['sync', name], { io: { connect: async () => client } });
  expect(code).toBe(2);
  expect(out).toContain('destination config_error: The source lost its connection. (db:5432)');
});

test('a terminated sync has no summary: its result says so, and the connection is not stuck', async () => {
  const name = await applied();
  workers.scripts.set(name, untilCancelled);
  const sync = await client.startSync(name);
  await eventually(async () => ((await client.status(name)).lease === null ? undefined : true));
  await temporal.workflow.getHandle(sync.workflowId).terminate();
  const failure = await rejection(sync.result());
  expect(failure.message).toBe('The workflow was terminated.');
  expect(failure.remedy).toContain('last checkpoint');
  expect(await client.runningSync(name)).toBeNull();
});

test('state can be reset and adopted, but not while a sync runs', async () => {
  const name = await applied();
  const reset = { scope: null, state: null, reason: 'test' };
  await client.editState(name, { ...reset, adopt: true });
  expect((await client.status(name)).adopt).toBe(true);
  workers.scripts.set(name, untilCancelled);
  const sync = await client.startSync(name);
  await eventually(async () => ((await client.status(name)).lease === null ? undefined : true));
  const refused = await rejection(client.editState(name, reset));
  expect(refused).toMatchObject({ kind: 'config_error', code: 'busy' });
  expect(refused.remedy).toContain('tidemark cancel');
  const all = { streams: null, manner: 'replace', reason: 'test' } as const;
  expect(await rejection(client.refresh(name, all))).toMatchObject({ code: 'busy' });
  const kept = await rejection(client.delete(name));
  expect(kept).toMatchObject({ code: 'busy' });
  await sync.cancel();
  await sync.result();
  await client.editState(name, reset);
  await client.refresh(name, all);
  expect((await client.status(name)).minimumGenerations).toEqual({ '*': 2 });
});

test('a connection that is not there is a config error that says what to do', async () => {
  const name = `none-${unique()}`;
  const asked = [
    client.status(name),
    client.startSync(name),
    client.cancel(name),
    client.check(name),
    client.editState(name, { scope: null, state: null, reason: 'test' }),
  ];
  for (const failure of await Promise.all(asked.map(rejection))) {
    expect(failure).toMatchObject({ kind: 'config_error', place: name });
    expect(failure.remedy).toContain('tidemark apply');
  }
});

test('a deleted connection is gone from the list; applied again it starts as a new one', async () => {
  const spec = specOf({ schedule: { every: '6h' } });
  await client.apply(spec);
  const { connectionId } = await client.status(spec.name);
  const listed = async (): Promise<boolean> => {
    for await (const name of client.list()) if (name === spec.name) return true;
    return false;
  };
  await eventually(async () => ((await listed()) ? true : undefined));
  await client.delete(spec.name);
  await eventually(async () => ((await listed()) ? undefined : true));
  expect(await client.schedules.describe(spec.name)).toBeNull();
  expect((await rejection(client.status(spec.name))).message).toBe('This connection was deleted.');
  expect((await client.apply(spec)).connection).toBe('created');
  expect((await client.status(spec.name)).connectionId).not.toBe(connectionId);
});

test('probes reach the workers: check, discover, plan, connectors, and their failures', async () => {
  const name = await applied();
  expect(await client.check(name)).toMatchObject([{ end: 'source', connector: name, ok: true }]);
  expect(await client.check(specOf())).toMatchObject([{ connector: 'memory', ok: true }]);
  expect((await client.discover(name)).catalog.streams).toMatchObject([{ name: 'orders' }]);
  expect(await client.plan(name)).toEqual({ connection: name });
  const unknown = specOf();
  expect(await client.plan(unknown)).toEqual({ connection: unknown.name, applied: false });
  const stored = { ...unknown, name };
  expect(await client.plan(stored)).toEqual({ connection: name, applied: true });
  expect(await client.connectors()).toMatchObject([{ name: 'mine' }]);
  expect(await rejection(client.connectorSpec('nope'))).toMatchObject({
    kind: 'config_error',
    message: 'There is no such connector.',
    place: 'nope',
  });
});

test('logs come from the process that ran the last sync, or from its host once it is gone', async () => {
  const name = await applied();
  expect((await rejection(client.logs(name, 5))).remedy).toContain('tidemark sync');
  await (await client.startSync(name)).result();
  expect(await client.logs(name, 5)).toBe(`${workers.hostQueue}\nlines: 5\n`);
  const { syncNo } = await client.status(name);
  const hostQueue = `gone-${unique()}`;
  const epoch = { syncNo, at: Date.now() + 1_000_000 };
  await temporal.workflow.getHandle(connectionWorkflowId(name)).executeUpdate(attachUpdate, {
    args: [{ lane: 'gone', epoch, hostQueue, label: 'fake', hint: null }],
  });
  expect(await client.logs(name, 5)).toBe(`${labelQueue(workers.queue, 'fake')}\nlines: 5\n`);
});

test('without a worker it says which queue nobody polls, and goes on once one comes', async () => {
  const queue = `late-${unique()}`;
  const lonely = await createSyncClient({ client: temporal, taskQueue: queue });
  const spec = specOf();
  await lonely.apply(spec);
  expect(await rejection(lonely.status(spec.name))).toMatchObject({
    kind: 'transient_error',
    place: `task queue ${queue}`,
    remedy: 'Start one: tidemark worker.',
  });
  const sync = await lonely.startSync(spec.name);
  expect((await sync.status()).unpolled).toBe(queue);
  let tell: (queue: string) => void = () => undefined;
  const told = new Promise<string>((resolve) => (tell = resolve));
  const connectors = lonely.connectors({ onUnpolled: (name) => tell(name) });
  expect(await told).toBe(queue);
  const late = await startWorkers(temporal, queue);
  try {
    expect(await connectors).toMatchObject([{ name: 'mine' }]);
    expect(await sync.result()).toMatchObject({ outcome: 'succeeded' });
  } finally {
    await late.stop();
  }
});
