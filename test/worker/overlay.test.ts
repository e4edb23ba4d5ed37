import type { JsonObject } from '../../protocol/index.ts';
import { basisOf, changesOf, keysOf, merged } from '../../worker/overlay.ts';

const given: JsonObject = {
  account: 'shop',
  credentials: { client_id: 'c', refresh_token: 'r1', scopes: ['a', 'b'] },
};

test.each<[string, JsonObject, JsonObject | null]>([
  ['the same', given, null],
  ['the same in another order', { credentials: given['credentials'], account: 'shop' }, null],
  ['less', { account: 'shop' }, null],
  [
    'a nested value',
    { credentials: { refresh_token: 'r2' } },
    { credentials: { refresh_token: 'r2' } },
  ],
  ['a new one', { credentials: { access_token: 'a' } }, { credentials: { access_token: 'a' } }],
  ['a list', { credentials: { scopes: ['b'] } }, { credentials: { scopes: ['b'] } }],
  ['null', { account: null }, { account: null }],
  ['an object for a text', { account: { id: 1 } }, { account: { id: 1 } }],
  ['a text for an object', { credentials: 'none' }, { credentials: 'none' }],
  ['what objects have by themselves', { constructor: 'x' }, { constructor: 'x' }],
])('of what a connector tells only the changes count: %s', (_, told, changes) => {
  expect(changesOf(given, told)).toEqual(changes);
  expect(changesOf(merged(given, changes ?? {}), told)).toBeNull();
});

test('changes are merged by key, and neither side is changed itself', () => {
  const before = structuredClone(given);
  const first = { credentials: { refresh_token: 'r2', access_token: 'a2' } };
  const both = merged(first, { credentials: { access_token: 'a3' }, account: 'new' });
  expect(both).toEqual({
    credentials: { refresh_token: 'r2', access_token: 'a3' },
    account: 'new',
  });
  expect(merged(given, both)).toEqual({
    account: 'new',
    credentials: { client_id: 'c', refresh_token: 'r2', scopes: ['a', 'b'], access_token: 'a3' },
  });
  expect(given).toEqual(before);
});

test('a member called __proto__ is a member', () => {
  const told = JSON.parse('{"__proto__": {"polluted": "yes"}}') as JsonObject;
  const result = merged(given, changesOf(given, told) ?? {});
  expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
  expect(Object.hasOwn(result, '__proto__')).toBe(true);
  expect(({} as JsonObject)['polluted']).toBeUndefined();
});

test('keys are JSON paths', () => {
  expect(keysOf({ a: { 'b/c': { '~': 1 } }, d: {}, e: [1] })).toEqual(['/a/b~1c/~0', '/d', '/e']);
});

test('the basis is of the applied values at the changed keys, and of no others', () => {
  const changes = { credentials: { refresh_token: 'r2', access_token: 'a2' } };
  const basis = basisOf(given, changes);
  expect(basisOf({ ...given, account: 'other' }, changes)).toBe(basis);
  const other = (credentials: JsonObject): string =>
    basisOf(merged(given, { credentials }), changes);
  expect(other({ client_id: 'x' })).toBe(basis);
  expect(other({ refresh_token: 'r9' })).not.toBe(basis);
  expect(other({ access_token: 'x' })).not.toBe(basis);
});
