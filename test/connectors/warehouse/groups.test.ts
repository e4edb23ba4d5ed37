import { globalScope, partId, streamId, type SealedPart } from '../../../protocol/index.ts';
import { groupsOf } from '../../../connectors/kit/warehouse/groups.ts';
import { checkpoint, epoch, failure } from '../harness.ts';

const part = (name: string, n = 1): SealedPart => ({
  ...{ stream: streamId({ name }), id: partId(epoch(1), n), records: 1, bytes: 1 },
});
const at = (scope: string) => checkpoint(scope, 1, 1);

test('a commit is one transaction, unless its streams are too many for that: then each stream is in one, with its checkpoints', () => {
  const parts = [part('a'), part('b'), part('a', 2), part('c')];
  const scopes = [at('c'), at('d'), at('a'), at('b')];
  expect(groupsOf(parts, scopes, undefined)).toEqual([{ parts, at: scopes }]);
  expect(groupsOf(parts, scopes, 5)).toEqual([{ parts, at: scopes }]);
  expect(groupsOf(parts, scopes, 4)).toEqual([
    { parts: [parts[0], parts[1], parts[2]], at: [at('a'), at('b')] },
    { parts: [parts[3]], at: [at('c'), at('d')] },
  ]);
});

test('rows under a state of all streams are one transaction, or none', async () => {
  const parts = [part('a'), part('b')];
  const all = [at(globalScope)];
  expect(groupsOf(parts, all, 4)).toEqual([{ parts, at: all }]);
  const error = await failure(Promise.resolve().then(() => groupsOf(parts, all, 3)));
  expect([error.kind, error.facts]).toEqual(['config_error', { changed: 2, streamsMax: 1 }]);
});
