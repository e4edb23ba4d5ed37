import type { ApplicationFailure } from '@temporalio/common';
import {
  historyMax,
  newConnection,
  type Checkpoint,
  type ConnectionState,
  type HeartbeatDetails,
  type Progress,
  type SyncSummary,
} from '../../protocol/index.ts';
import * as connection from '../../workflows/connection-state.ts';
import { edit } from '../../workflows/edit-state.ts';
import { refusals, type AttachRequest } from '../../workflows/messages.ts';
import { id } from '../support/items.ts';
import { testPolicy } from './house.ts';

const holder = { workflowId: 'sync/orders', firstRunId: 'run' };
const lane = 'all';
const editedAt = '2026-03-01T12:00:00.000Z';

function begun(attemptsMax = 2): ConnectionState {
  const end = { connector: 'x', config: {} };
  const policy = { ...testPolicy, attemptsWithoutProgressMax: attemptsMax };
  const state = newConnection('uuid', { name: 'orders', source: end, destination: end, policy });
  const request = { holder, takeOver: null, raise: 0, label: null };
  return connection.begin(state, request, 'now').state;
}

function checkpoint(at: number, seq: number): Checkpoint {
  return {
    scope: id('orders'),
    edition: 0,
    epoch: { syncNo: 1, at },
    seq,
    state: { type: 'STREAM', stream: { stream_descriptor: { name: 'orders' }, stream_state: seq } },
    records: seq,
    bytes: seq,
    committedAt: 'now',
  };
}

const request = (at: number, hint: Partial<HeartbeatDetails> | null = null): AttachRequest => ({
  lane,
  epoch: { syncNo: 1, at },
  hostQueue: `host-${at}`,
  label: 'here',
  hint: hint === null ? null : { progress: {} as Progress, checkpoints: [], ...hint },
});

const attach = (state: ConnectionState, ...args: Parameters<typeof request>): ConnectionState => {
  expect(connection.attachRefusal(state, request(...args))).toBeNull();
  return connection.attach(state, request(...args)).state;
};

const typeOf = (refusal: ApplicationFailure | null): string | null | undefined =>
  refusal?.type ?? null;

test('attempts without a new checkpoint are counted, and refused above the limit', () => {
  const state = attach(attach(begun(2), 10), 20);
  expect(state.attemptsWithoutProgress).toBe(2);
  expect(typeOf(connection.attachRefusal(state, request(30)))).toBe(refusals.budgetSpent);
});

test('the same attempt that attaches twice counts once', () => {
  const state = attach(attach(begun(), 10), 10);
  expect(state.attemptsWithoutProgress).toBe(1);
});

test('an interrupted attempt is not counted, however often it happens', () => {
  let state = attach(begun(1), 10);
  for (const at of [20, 30, 40]) state = attach(state, at, { interrupted: true });
  expect(state.attemptsWithoutProgress).toBe(1);
  expect(typeOf(connection.attachRefusal(state, request(50)))).toBe(refusals.budgetSpent);
});

test('a commit renews the budget, and so does a newer checkpoint in the heartbeat of a dead attempt', () => {
  const spent = attach(attach(begun(2), 10), 20);
  const commit = { lane, epoch: { syncNo: 1, at: 20 }, checkpoints: [checkpoint(20, 1)] };
  expect(connection.commit(spent, commit).attemptsWithoutProgress).toBe(0);
  const revived = attach(spent, 30, { checkpoints: [checkpoint(20, 1)] });
  expect(revived).toMatchObject({
    attemptsWithoutProgress: 1,
    checkpoints: { orders: { seq: 1 } },
    lastHostQueue: 'host-30',
    lastLabel: 'here',
  });
});

test('a permit without news is no progress', () => {
  const state = attach(begun(), 10);
  const permit = { lane, epoch: { syncNo: 1, at: 10 }, checkpoints: [] };
  expect(connection.commit(state, permit)).toBe(state);
});

test('an old heartbeat moves nothing backwards, and cannot undo an edit', () => {
  let state = attach(begun(9), 10, { checkpoints: [checkpoint(10, 5)] });
  state = attach(state, 20, { checkpoints: [checkpoint(10, 3)] });
  expect(state.checkpoints['orders']).toMatchObject({ seq: 5 });
  const edited = edit(
    { ...state, lease: null },
    { scope: null, state: null, reason: 'test' },
    editedAt,
    'by time',
  );
  const later = attach(edited, 30, { checkpoints: [checkpoint(20, 9)] });
  expect(later.checkpoints['orders']).toMatchObject({
    edition: Date.parse(editedAt),
    seq: 0,
    state: null,
  });
});

test('an edit of everything is one of the scope * too: there may be streams that only the destination knows', () => {
  const everything = { scope: null, state: null, reason: 'test' };
  const free = { ...begun(), lease: null };
  const once = edit(free, everything, editedAt, 'by time');
  const bare = { edition: Date.parse(editedAt), seq: 0, state: null };
  expect(once.checkpoints).toMatchObject({ '*': bare });
  // Also when the clock stands still, or goes back.
  const twice = edit(once, everything, '2020-01-01T00:00:00.000Z', 'by time');
  expect(twice.checkpoints['*']).toMatchObject({ edition: bare.edition + 1 });
  const adopted = edit(free, { ...everything, adopt: true }, editedAt, 'by time');
  expect(adopted.checkpoints).toEqual({});
});

test('an edit made before editions were times counts as it did', () => {
  const state = { ...begun(), lease: null, checkpoints: { orders: checkpoint(10, 5) } };
  const request = { scope: null, state: null, reason: 'test' };
  const edited = edit(state, request, editedAt, 'counted');
  expect(edited.checkpoints).toMatchObject({ orders: { edition: 1, state: null } });
  expect(Object.keys(edited.checkpoints)).toEqual(['orders']);
});

test('a begin fences off every attempt of the sync before, also one that never attached', () => {
  const next = connection.begin(
    attach(begun(), 10),
    { holder: { ...holder, firstRunId: 'other' }, takeOver: holder, raise: 0, label: null },
    'now',
  ).state;
  expect(typeOf(connection.attachRefusal(next, request(99)))).toBe(refusals.fenced);
  const commit = { lane, epoch: { syncNo: 1, at: 99 }, checkpoints: [] };
  expect(typeOf(connection.commitRefusal(next, commit))).toBe(refusals.fenced);
  // A number that was never issued would shut out every later sync.
  const unheard = { ...request(1), epoch: { syncNo: 77, at: 1 } };
  expect(typeOf(connection.attachRefusal(next, unheard))).toBe(refusals.fenced);
});

test('the history is bounded', () => {
  let state = begun();
  const summary = { workflowId: 'sync/orders', outcome: 'succeeded' } as SyncSummary;
  for (let n = 1; n <= historyMax + 5; n += 1) {
    state = connection.end(state, { holder, summary: { ...summary, syncNo: n } }, 'now');
    state = connection.begin(state, { holder, takeOver: null, raise: 0, label: null }, 'now').state;
  }
  expect(state.history).toHaveLength(historyMax);
  expect(state.history.at(-1)!.syncNo).toBe(historyMax + 5);
});

test('a label is bound once, and let go when other connectors are applied', () => {
  const bind = { holder, takeOver: null, raise: 0, label: 'one' };
  const bound = connection.begin(begun(), bind, 'now').state;
  expect(connection.begin(bound, { ...bind, label: 'two' }, 'now').state.label).toBe('one');
  const source = { connector: 'y', config: {} };
  expect(connection.configure(bound, { ...bound.spec, source }, 'now').label).toBeNull();
});
