import {
  everyStream,
  globalScope,
  newConnection,
  parseState,
  pendingRefreshes,
  currentState,
  type Checkpoint,
  type ConnectionState,
  type Scope,
  type SyncOutcome,
  type SyncSummary,
} from '../../protocol/index.ts';
import { begin, end } from '../../workflows/connection-state.ts';
import { edit } from '../../workflows/edit-state.ts';
import { refusals, type RefreshRequest } from '../../workflows/messages.ts';
import { refresh, refreshRefusal } from '../../workflows/refresh-state.ts';
import { id } from '../support/items.ts';
import { testPolicy } from './house.ts';

const now = '2026-03-01T12:00:00.000Z';
const edition = Date.parse(now);
const [a, b] = [id('a'), id('b')];
const holder = { workflowId: 'sync/orders', firstRunId: 'run' };

function checkpoint(scope: Scope, text: string, more: Partial<Checkpoint> = {}): Checkpoint {
  const { state, exact } = parseState(text);
  const epoch = { syncNo: 3, at: 1 };
  const counts = { records: 1, bytes: 1 };
  const given = { scope, state, ...(exact !== undefined && { exact }) };
  return {
    edition: 0,
    epoch,
    seq: 4,
    ...counts,
    committedAt: now,
    complete: true,
    ...given,
    ...more,
  };
}

const streamText = (name: string): string =>
  `{"type":"STREAM","stream":{"stream_descriptor":{"name":"${name}"},"stream_state":{"id":1.0}}}`;
const globalText = (...names: readonly string[]): string =>
  `{"type":"GLOBAL","global":{"shared_state":{"lsn":9007199254740993},"stream_states":[${names.map((name) => `{"stream_descriptor":{"name":"${name}"},"stream_state":1.0}`).join(',')}]}}`;

/** Three syncs have been; the fourth would carry a refresh out. */
function connection(...checkpoints: readonly Checkpoint[]): ConnectionState {
  const end = { connector: 'x', config: {} };
  const spec = { name: 'orders', source: end, destination: end, policy: testPolicy };
  const held = Object.fromEntries(checkpoints.map((one) => [one.scope, one]));
  return { ...newConnection('uuid', spec), syncNo: 3, checkpoints: held };
}
const perStream = (): ConnectionState =>
  connection(checkpoint(a, streamText('a')), checkpoint(b, streamText('b')));

const ask = (
  state: ConnectionState,
  request: Partial<RefreshRequest> = {},
  at = now,
): ConnectionState => {
  const whole = { streams: [a], manner: 'replace' as const, reason: 'test', ...request };
  expect(refreshRefusal(state, whole)).toBeNull();
  return refresh(state, whole, at);
};

const begun = (state: ConnectionState, raise = 0): ConnectionState =>
  begin(state, { holder, takeOver: null, raise, label: null }, now).state;

const synced = (state: ConnectionState, outcome: SyncOutcome): ConnectionState => {
  const running = begun(state);
  const summary = { syncNo: running.syncNo, workflowId: holder.workflowId, outcome } as SyncSummary;
  return end(running, { holder, summary }, now);
};

const bare = { seq: 0, epoch: { syncNo: 0, at: 0 } };

test('a refresh gives the next sync’s number as generation and resets the state, of that stream only', () => {
  const before = perStream();
  const after = ask(before);
  expect(after).toMatchObject({ generations: { a: 4 }, minimumGenerations: { a: 4 } });
  expect(after.checkpoints['a']).toEqual({
    ...bare,
    scope: 'a',
    edition,
    state: null,
    records: 0,
    bytes: 0,
    committedAt: now,
  });
  expect(after.checkpoints['b']).toBe(before.checkpoints['b']);
  expect(after.checkpoints).not.toHaveProperty(globalScope);
  expect(after.clearing).toEqual([]);
});

test('with keep the old rows may stay', () => {
  const after = ask(perStream(), { manner: 'keep' });
  expect(after).toMatchObject({ generations: { a: 4 }, minimumGenerations: { a: 0 } });
  expect(pendingRefreshes(after)).toEqual({ cleared: [], replaced: [], kept: ['a'] });
  expect(synced(after, 'succeeded').minimumGenerations).toEqual({});
});

test('all streams: also those that only the destination knows, and what was asked of one before', () => {
  const after = ask(ask(perStream(), { streams: [b] }), { streams: null });
  expect(after.generations).toEqual({ [everyStream]: 4 });
  expect(after.minimumGenerations).toEqual({ [everyStream]: 4 });
  // b's was edited before, at the same time: one more. All are of one edition.
  for (const scope of ['a', 'b', globalScope])
    expect(after.checkpoints[scope]).toMatchObject({ ...bare, edition: edition + 1, state: null });
});

test('under a GLOBAL state a stream leaves it, to the digit, and what is shared stays', () => {
  const before = connection(checkpoint(globalScope, globalText('a', 'b')));
  const after = ask(before);
  const shared = after.checkpoints[globalScope];
  expect(shared).toMatchObject({ ...bare, edition, exact: globalText('b') });
  expect(shared).not.toHaveProperty('complete');
  expect(after.checkpoints['a']).toMatchObject({ ...bare, edition, state: null });
  const all = ask(before, { streams: null }).checkpoints[globalScope]!;
  expect(all).toMatchObject({ ...bare, edition, state: null });
  expect(all).not.toHaveProperty('exact');
});

test('the scopes of one refresh are of one edition, also when the clock went back', () => {
  const later = checkpoint(globalScope, globalText('a'), { edition: edition + 7 });
  const { checkpoints } = ask(connection(later));
  expect(checkpoints[globalScope]!.edition).toBe(edition + 8);
  expect(checkpoints['a']!.edition).toBe(edition + 8);
});

test('a LEGACY state is refreshed as a whole or not at all', () => {
  const state = connection(checkpoint(globalScope, '{"data":{"a":1}}'));
  const request = { streams: [a], manner: 'clear', reason: 'test' } as const;
  const refusal = refreshRefusal(state, request);
  expect(refusal?.type).toBe(refusals.invalid);
  expect(refusal?.details?.[0]).toMatchObject({
    kind: 'config_error',
    remedy: expect.stringContaining('tidemark clear orders --all'),
  });
  expect(ask(state, { streams: null }).checkpoints[globalScope]!.state).toBeNull();
});

test('it is refused while a sync runs, without a stream, and in a manner that there is not', () => {
  const request = { streams: [a], manner: 'replace', reason: 'test' } as const;
  expect(refreshRefusal(begun(perStream()), request)?.type).toBe(refusals.syncRunning);
  expect(refreshRefusal(perStream(), { ...request, streams: [] })?.type).toBe(refusals.invalid);
  const slip = { ...request, manner: 'kept' } as unknown as RefreshRequest;
  expect(refreshRefusal(perStream(), slip)?.type).toBe(refusals.invalid);
});

test('only a sync that succeeded has carried it out; until then its generation stays', () => {
  let state = ask(perStream());
  for (const outcome of ['failed', 'cancelled'] as const) state = synced(state, outcome);
  expect(state).toMatchObject({ syncNo: 5, generations: { a: 4 }, minimumGenerations: { a: 4 } });
  state = synced(state, 'succeeded');
  expect(state).toMatchObject({ generations: { a: 4 } });
  expect(state.minimumGenerations).toEqual({});
});

test('a clear is done by the next sync that succeeds, and leaves other refreshes pending', () => {
  let state = ask(ask(perStream(), { streams: [b] }), { manner: 'clear' });
  expect(pendingRefreshes(state)).toEqual({ cleared: ['a'], replaced: ['b'], kept: [] });
  expect(synced(state, 'failed').clearing).toEqual(['a']);
  state = synced(state, 'succeeded');
  expect(state.clearing).toEqual([]);
  expect(state.minimumGenerations).toEqual({ b: 4 });
  expect(synced(state, 'succeeded').minimumGenerations).toEqual({});
});

test('a clear adds to one that is not done yet, and a refresh waits for it', () => {
  const first = ask(perStream(), { manner: 'clear' });
  expect(ask(first, { streams: [a, b], manner: 'clear' }).clearing).toEqual(['a', 'b']);
  const all = ask(first, { streams: null, manner: 'clear' });
  expect(all.clearing).toEqual([everyStream]);
  expect(ask(all, { streams: [b], manner: 'clear' }).clearing).toEqual([everyStream]);
  const refusal = refreshRefusal(first, { streams: [b], manner: 'keep', reason: 'test' });
  expect(refusal?.details?.[0]).toMatchObject({ remedy: expect.stringContaining('tidemark sync') });
});

test('a reset of a refresh that has begun begins it anew: what is loaded out of sight would be doubled', () => {
  const half = synced(ask(perStream()), 'failed');
  const reset = { scope: a, state: null, reason: 'test' };
  const again = edit(half, reset, now, 'by time');
  expect(again).toMatchObject({ generations: { a: 5 }, minimumGenerations: { a: 5 } });
  expect(edit(half, { ...reset, scope: b }, now, 'by time').generations).toEqual({ a: 4 });
  expect(edit(half, { ...reset, scope: null }, now, 'by time').generations).toEqual({ a: 5 });
  const adopted = edit(half, { ...reset, scope: null, adopt: true }, now, 'by time');
  expect(adopted.generations).toEqual({ a: 4 });
  const all = synced(ask(perStream(), { streams: null }), 'failed');
  expect(edit(all, reset, now, 'by time').minimumGenerations).toEqual({ '*': 4, a: 5 });
  const kept = synced(ask(perStream(), { manner: 'keep' }), 'failed');
  expect(edit(kept, reset, now, 'by time').minimumGenerations).toEqual({ a: 0 });
});

test('when the destination knows more syncs, a refresh gets a number that is new there, and a new edition', () => {
  const state = begun(ask(ask(perStream()), { streams: [b], manner: 'keep' }));
  expect(state).toMatchObject({ syncNo: 4, generations: { a: 4, b: 4 } });
  const raised = begun(state, 20);
  expect(raised).toMatchObject({
    syncNo: 21,
    generations: { a: 21, b: 21 },
    minimumGenerations: { a: 21, b: 0 },
  });
  expect(raised.checkpoints['a']).toMatchObject({ ...bare, edition: edition + 1 });
  const cleared = begun(begun(ask(perStream(), { streams: null, manner: 'clear' })), 20);
  expect(cleared).toMatchObject({ generations: { '*': 21 }, clearing: [everyStream] });
});

test('what an older version wrote is read as nothing pending', () => {
  const { minimumGenerations: _, clearing: __, ...old } = perStream();
  const state = currentState(old as ConnectionState);
  expect(pendingRefreshes(state)).toEqual({ cleared: [], replaced: [], kept: [] });
  expect(synced(ask(state), 'succeeded').minimumGenerations).toEqual({});
});

test('changes of the source that were accepted outlive a sync that clears', () => {
  const accepted: ConnectionState = { ...perStream(), acceptedChanges: '0123456789ab' };
  const cleared = synced(ask(accepted, { streams: [a], manner: 'clear' }), 'succeeded');
  expect(cleared.acceptedChanges).toBe('0123456789ab');
  expect(synced(cleared, 'failed').acceptedChanges).toBe('0123456789ab');
  expect(synced(cleared, 'succeeded')).not.toHaveProperty('acceptedChanges');
});
