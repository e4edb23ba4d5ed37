import type { Checkpoint, Epoch } from '../../protocol/index.ts';
import {
  attachUpdate,
  beginUpdate,
  commitUpdate,
  configureUpdate,
  editUpdate,
  endUpdate,
  refreshUpdate,
  refusals,
  rememberUpdate,
  statusQuery,
  type BeginRequest,
} from '../../workflows/messages.ts';
import { id } from '../support/items.ts';
import { failureOf, historyOf, openHouse, until, type House, type Connected } from './house.ts';

let house: House;

beforeAll(async () => {
  house = await openHouse();
  await house.worker({ onlyControl: true });
});
afterAll(() => house.close());

const lane = 'all';
const first: BeginRequest['holder'] = { workflowId: 'sync/x', firstRunId: 'run-1' };
const other: BeginRequest['holder'] = { workflowId: 'sync/x', firstRunId: 'run-2' };

function calls({ workflow }: Connected) {
  const begin = (parts: Partial<BeginRequest> = {}) =>
    workflow.executeUpdate(beginUpdate, {
      args: [{ holder: first, takeOver: null, raise: 0, label: null, ...parts }],
    });
  const attach = (epoch: Epoch) =>
    workflow.executeUpdate(attachUpdate, {
      args: [{ lane, epoch, hostQueue: 'host', label: 'here', hint: null }],
    });
  const commit = (epoch: Epoch, checkpoints: readonly Checkpoint[]) =>
    workflow.executeUpdate(commitUpdate, { args: [{ lane, epoch, checkpoints }] });
  return { begin, attach, commit };
}

function checkpoint(epoch: Epoch, seq: number): Checkpoint {
  const stream = { stream_descriptor: { name: 'orders' }, stream_state: { id: seq } };
  return {
    scope: id('orders'),
    edition: 0,
    epoch,
    seq,
    state: { type: 'STREAM', stream },
    records: seq,
    bytes: seq,
    committedAt: '2026-01-01T00:00:00.000Z',
  };
}

test('begin is idempotent for its holder, raises above a number, and refuses others until they take over', async () => {
  const { begin } = calls(await house.connect());
  expect(await begin()).toMatchObject({ type: 'begun', begun: { syncNo: 1 } });
  expect(await begin()).toMatchObject({ begun: { syncNo: 1 } });
  expect(await begin({ holder: other })).toEqual({ type: 'held', by: first });
  expect(await begin({ raise: 7 })).toMatchObject({ begun: { syncNo: 8 } });
  expect(await begin({ raise: 7 })).toMatchObject({ begun: { syncNo: 8 } });
  expect(await begin({ holder: other, takeOver: first })).toMatchObject({ begun: { syncNo: 9 } });
  expect(await begin({ holder: first, takeOver: first })).toEqual({ type: 'held', by: other });
});

test('a stale epoch neither attaches nor commits, and its refusal adds nothing to history', async () => {
  const connected = await house.connect();
  const { begin, attach, commit } = calls(connected);
  await begin();
  const old: Epoch = { syncNo: 1, at: 1_000 };
  const live: Epoch = { syncNo: 1, at: 2_000 };
  await attach(old);
  await commit(old, [checkpoint(old, 1)]);
  await attach(live);
  const count = async (): Promise<number> =>
    (await historyOf(house.client, connected.workflow.workflowId)).events!.length;
  const before = await count();

  expect((await failureOf(attach(old))).type).toBe(refusals.clock);
  expect((await failureOf(commit(old, [checkpoint(old, 9)]))).type).toBe(refusals.fenced);

  expect(await count()).toBe(before);
  expect((await connected.state()).checkpoints['orders']).toMatchObject({ seq: 1 });
  await begin({ holder: other, takeOver: first });
  expect((await failureOf(attach({ syncNo: 1, at: 9_000 }))).type).toBe(refusals.fenced);
  expect((await failureOf(commit(live, []))).type).toBe(refusals.fenced);
});

test('only its holder ends a sync, once', async () => {
  const connected = await house.connect();
  const { begin } = calls(connected);
  await begin();
  const end = (holder: BeginRequest['holder']) =>
    connected.workflow.executeUpdate(endUpdate, {
      args: [
        {
          holder,
          summary: {
            syncNo: 1,
            workflowId: first.workflowId,
            outcome: 'succeeded',
            startedAt: '',
            endedAt: '',
            attempts: 1,
            records: 1,
            bytes: 1,
            streams: [],
            streamCount: 0,
          },
        },
      ],
    });
  expect((await failureOf(end(other))).type).toBe(refusals.notHolder);
  await end(first);
  await end(first);
  expect((await connected.state()).history).toHaveLength(1);
});

test('a connection keeps its name, and its connectors while it has checkpoints', async () => {
  const connected = await house.connect();
  const { begin, attach, commit } = calls(connected);
  const configure = (parts: object) =>
    connected.workflow.executeUpdate(configureUpdate, { args: [{ ...connected.spec, ...parts }] });
  expect((await failureOf(configure({ name: 'other' }))).type).toBe(refusals.invalid);
  const source = { connector: 'postgres', config: {} };
  await begin();
  const epoch: Epoch = { syncNo: 1, at: 1 };
  await attach(epoch);
  await commit(epoch, [checkpoint(epoch, 1)]);

  const { failure } = await failureOf(configure({ source }));
  expect(failure.remedy).toContain('tidemark state reset');
  await configure({ streams: [{ name: 'orders' }] });
  expect((await connected.state()).spec.streams).toEqual([{ name: 'orders' }]);
});

test('a connection of an older version is refreshed like any other, and nothing is pending in it before', async () => {
  const { state, spec } = await house.connect();
  const { minimumGenerations: _, clearing: __, ...older } = await state();
  const workflow = await house.client.workflow.start('connectionWorkflow', {
    workflowId: `connection/${spec.name}-older`,
    taskQueue: house.queue,
    args: [{ state: older }],
  });
  expect(await workflow.query(statusQuery)).toMatchObject({ minimumGenerations: {}, clearing: [] });
  await workflow.executeUpdate(refreshUpdate, {
    args: [{ streams: [id('orders')], manner: 'clear', reason: 'test' }],
  });
  const after = await workflow.query(statusQuery);
  expect(after).toMatchObject({ minimumGenerations: { orders: 1 }, clearing: ['orders'] });
  expect(after.checkpoints['orders']!.edition).toBeGreaterThan(Date.now() - 60_000);
  const empty = workflow.executeUpdate(refreshUpdate, {
    args: [{ streams: [], manner: 'clear', reason: 'test' }],
  });
  expect((await failureOf(empty)).type).toBe(refusals.invalid);
});

test('adopt keeps every state; a state of another scope is refused', async () => {
  const connected = await house.connect();
  const edit = (parts: object) =>
    connected.workflow.executeUpdate(editUpdate, {
      args: [{ scope: null, state: null, reason: 'test', ...parts }],
    });
  await edit({ scope: id('orders'), state: checkpoint({ syncNo: 0, at: 0 }, 4).state });
  await edit({ adopt: true });
  const adopted = await connected.state();
  expect(adopted).toMatchObject({ adopt: true, checkpoints: { orders: { seq: 0 } } });
  const { edition, state } = adopted.checkpoints['orders']!;
  expect(state).not.toBeNull();

  const wrong = edit({ scope: id('other'), state: checkpoint({ syncNo: 0, at: 0 }, 4).state });
  expect((await failureOf(wrong)).type).toBe(refusals.invalid);
  await edit({});
  const { checkpoints } = await connected.state();
  expect(checkpoints['orders']!.state).toBeNull();
  expect(checkpoints['orders']!.edition).toBeGreaterThan(edition);
  expect(checkpoints['*']).toMatchObject({ state: null, seq: 0 });
});

test('continues as new under load, and loses no commit', async () => {
  const connected = await house.connect();
  const { begin, attach, commit } = calls(connected);
  await begin();
  const epoch: Epoch = { syncNo: 1, at: 1 };
  await attach(epoch);
  const update = { keys: ['/token'], keyId: 'k', sealed: 'tidemark1:k:AA' };
  const { connectionId, spec } = await connected.state();
  await connected.workflow.executeUpdate(rememberUpdate, {
    args: [{ ...update, connectionId, end: 'source', connector: spec.source.connector, over: 0 }],
  });
  const handle = house.client.workflow.getHandle(connected.workflow.workflowId);
  const firstRun = (await handle.describe()).runId;
  let seq = 0;
  const hammer = async (): Promise<void> => {
    while (seq < 4_000 && (await isFirst())) {
      for (let i = 0; i < 50; i += 1) await commit(epoch, [checkpoint(epoch, (seq += 1))]);
    }
  };
  const isFirst = async (): Promise<boolean> => (await handle.describe()).runId === firstRun;

  await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(hammer));

  expect(await isFirst()).toBe(false);
  const state = await handle.query(statusQuery);
  expect(state.checkpoints['orders']).toMatchObject({ seq });
  expect(state.updates?.source).toMatchObject({ no: 1, ...update });
  expect(state).toMatchObject({ syncNo: 1, fence: { all: epoch }, lease: { syncNo: 1 } });
  await until('the new run takes commits', async () => {
    await commit(epoch, [checkpoint(epoch, seq + 1)]);
    return true;
  });
});
