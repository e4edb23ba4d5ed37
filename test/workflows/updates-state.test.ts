import { defaultPolicy, newConnection, sealedCharsMax } from '../../protocol/index.ts';
import type { ConnectionSpec, ConnectionState, Json } from '../../protocol/index.ts';
import { configure } from '../../workflows/connection-state.ts';
import { refusals, type RememberRequest } from '../../workflows/messages.ts';
import { forget, forgetRefusal, remember, rememberRefusal } from '../../workflows/updates-state.ts';

const credentials = (token: string): Json => ({ refresh_token: token, client_id: 'c' });
const spec: ConnectionSpec = {
  name: 'orders',
  source: { connector: 'crm', config: { account: 'a', credentials: credentials('${env:TOKEN}') } },
  destination: { connector: 'lake', config: {} },
  policy: defaultPolicy,
};
const fresh = newConnection('uuid', spec);
const request: RememberRequest = {
  ...{ connectionId: 'uuid', end: 'source', connector: 'crm', over: 0 },
  ...{ keys: ['/credentials/refresh_token'], keyId: 'k', sealed: 'tidemark1:k:AA' },
};
const kept = remember(fresh, request, 'then');

const typeOf = (refusal: ReturnType<typeof rememberRefusal>): string | null =>
  refusal?.type ?? null;

test('an update is kept only over the newest, by its number', () => {
  expect(rememberRefusal(fresh, request)).toBeNull();
  expect(kept.updates?.source).toEqual({
    ...{ no: 1, at: 'then', keyId: 'k', sealed: 'tidemark1:k:AA' },
    keys: ['/credentials/refresh_token'],
  });
  expect(typeOf(rememberRefusal(kept, request))).toBe(refusals.superseded);
  expect(rememberRefusal(kept, { ...request, over: 1 })).toBeNull();
  expect(typeOf(rememberRefusal(kept, { ...request, over: 2 }))).toBe(refusals.superseded);
  expect(rememberRefusal(kept, { ...request, end: 'destination', connector: 'lake' })).toBeNull();
});

test.each<[string, Partial<RememberRequest>]>([
  ['another connection', { connectionId: 'other' }],
  ['another connector', { connector: 'erp' }],
  ['a text that is too large', { sealed: 'x'.repeat(sealedCharsMax + 1) }],
  ['too many keys', { keys: Array.from({ length: 51 }, (_, n) => `/k${n}`) }],
  ['a key that is too long', { keys: [`/${'k'.repeat(200)}`] }],
])('an update of %s is refused', (_, part) => {
  expect(typeOf(rememberRefusal(fresh, { ...request, ...part }))).toBe(refusals.invalid);
});

const withSource = (source: Partial<ConnectionSpec['source']>): ConnectionSpec => ({
  ...spec,
  source: { ...spec.source, ...source },
});

test.each<[string, ConnectionSpec, boolean]>([
  ['another key changed', withSource({ config: { ...spec.source.config, account: 'b' } }), false],
  [
    'the members stand in another order',
    withSource({
      config: { credentials: { client_id: 'c', refresh_token: '${env:TOKEN}' }, account: 'a' },
    }),
    false,
  ],
  [
    'the other end changed',
    { ...spec, destination: { connector: 'lake', config: { x: 1 } } },
    false,
  ],
  [
    'the same key refers to another secret',
    withSource({ config: { account: 'a', credentials: credentials('${env:NEW_TOKEN}') } }),
    true,
  ],
  ['the key is gone', withSource({ config: { account: 'a' } }), true],
  ['another connector is applied', withSource({ connector: 'erp' }), true],
])('what a person applies wins over an update of the same keys: %s', (_, applied, isDropped) => {
  const { updates } = configure(kept, applied, 'now');
  if (!isDropped) return expect(updates).toEqual(kept.updates);
  expect(updates?.source).toMatchObject({
    ...{ no: 2, sealed: null, keys: ['/credentials/refresh_token'] },
    dropped: { at: 'now', because: 'applied' },
  });
});

test('what was on its way when an update was dropped is not taken for its successor', () => {
  const { state, forgotten } = forget(kept, null, 'now');
  expect(forgotten).toEqual(['source']);
  expect(state.updates?.source).toMatchObject({ sealed: null, dropped: { because: 'forgotten' } });
  expect(typeOf(rememberRefusal(state, { ...request, over: 1 }))).toBe(refusals.superseded);
  const again = remember(state, { ...request, over: 2 }, 'later');
  expect(again.updates?.source).not.toHaveProperty('dropped');
  expect(forget(state, null, 'later')).toEqual({ state, forgotten: [] });
  expect(forget(kept, { end: 'destination' }, 'now')).toEqual({ state: kept, forgotten: [] });
});

test('a person forgets updates only while no sync runs, and only of an end that there is', () => {
  const holder = { workflowId: 'sync/orders', firstRunId: 'r' };
  const busy: ConnectionState = { ...kept, lease: { holder, syncNo: 1, since: 'now' } };
  expect(typeOf(forgetRefusal(busy, null))).toBe(refusals.syncRunning);
  for (const good of [null, undefined, {}, { end: null }, { end: 'source' }])
    expect(forgetRefusal(kept, good)).toBeNull();
  for (const bad of ['source', { end: 'both' }, 7])
    expect(typeOf(forgetRefusal(kept, bad))).toBe(refusals.invalid);
});
