import fc from 'fast-check';
import {
  checkKindChange,
  checkpointsOf,
  compareCheckpoints,
  completedStreams,
  mergeCheckpoints,
  statesForSource,
  type Checkpoint,
  type Checkpoints,
  type Scope,
  type State,
  type StreamId,
} from '../../protocol/index.ts';

const small = fc.nat(3);
const anyCheckpoint: fc.Arbitrary<Checkpoint> = fc
  .record({
    scope: fc.constantFrom('a', 'b', '*'),
    edition: small,
    syncNo: small,
    at: small,
    seq: small,
  })
  .map(({ scope, edition, syncNo, at, seq }) =>
    checkpoint({ scope: scope as Scope, edition, epoch: { syncNo, at }, seq }),
  );

function checkpoint(parts: Partial<Checkpoint>): Checkpoint {
  return {
    scope: 'a' as Scope,
    edition: 0,
    epoch: { syncNo: 1, at: 1 },
    seq: 1,
    state: null,
    records: 0,
    bytes: 0,
    committedAt: '2026-01-01T00:00:00.000Z',
    ...parts,
  };
}

const rank = (all: Checkpoints): string[] =>
  Object.values(all)
    .map((c) => JSON.stringify([c.scope, c.edition, c.epoch, c.seq]))
    .sort();

test('only streams that this sync completed are left out of its retries', () => {
  const named = (scope: string, parts: Partial<Checkpoint> = {}): Checkpoint =>
    checkpoint({ scope: scope as Scope, epoch: { syncNo: 4, at: 1 }, ...parts });
  const list = [
    named('done', { complete: true }),
    named('before', { complete: true, epoch: { syncNo: 3, at: 1 } }),
    named('open'),
  ];
  expect([...completedStreams(list, 4, new Set(['done' as StreamId]))]).toEqual(['done']);
});

test('under a state of all streams, an incremental stream that is complete is read on by the retries', () => {
  const at = { epoch: { syncNo: 4, at: 1 } };
  const list = [
    checkpoint({ ...at, scope: '*', state: { type: 'GLOBAL', global: { shared_state: 1 } } }),
    checkpoint({ ...at, scope: 'done' as StreamId, complete: true }),
    checkpoint({ ...at, scope: 'full' as StreamId, complete: true }),
  ];
  expect([...completedStreams(list, 4, new Set(['done' as StreamId]))]).toEqual(['full']);
});

test('merging is independent of order and grouping, and never goes backwards', () => {
  fc.assert(
    fc.property(fc.array(anyCheckpoint), fc.array(anyCheckpoint), (first, second) => {
      const together = mergeCheckpoints(checkpointsOf(first), second);
      expect(rank(together)).toEqual(rank(checkpointsOf([...second, ...first].reverse())));
      for (const c of [...first, ...second]) {
        expect(compareCheckpoints(together[c.scope]!, c)).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});

test('an edit wins over any commit of the edition before', () => {
  const late = checkpoint({ epoch: { syncNo: 99, at: 99 }, seq: 99 });
  const edit = checkpoint({ edition: 1, epoch: { syncNo: 0, at: 0 }, seq: 0 });
  expect(mergeCheckpoints(checkpointsOf([late]), [edit])['a' as Scope]).toBe(edit);
  expect(mergeCheckpoints(checkpointsOf([edit]), [late])['a' as Scope]).toBe(edit);
});

const stream = (name: string, value: unknown): State => ({
  type: 'STREAM',
  stream: { stream_descriptor: { name }, stream_state: value as null },
});
const start = (checkpoints: Checkpoint[], fullRefresh: string[] = []): unknown[] =>
  statesForSource({ checkpoints, syncNo: 2, fullRefresh: new Set(fullRefresh as StreamId[]) }).map(
    ({ state }) => state,
  );

test('the source gets one state per stream, without resets and completions', () => {
  const held = [
    checkpoint({ scope: 'a' as Scope, state: stream('a', { n: 1 }) }),
    checkpoint({ scope: 'b' as Scope, state: stream('b', null) }),
    checkpoint({ scope: 'c' as Scope, state: null, complete: true }),
  ];
  expect(start(held)).toEqual([stream('a', { n: 1 })]);
});

test('a full refresh starts from its state only within the sync that made it', () => {
  const of = (syncNo: number): Checkpoint =>
    checkpoint({ state: stream('a', { page: 2 }), epoch: { syncNo, at: 1 } });
  expect(start([of(1)], ['a'])).toEqual([]);
  expect(start([of(2)], ['a'])).toHaveLength(1);
});

test('after a move from LEGACY to STREAM the source gets only STREAM states', () => {
  const legacy = checkpoint({ scope: '*', state: { data: { old: 1 } } });
  expect(start([legacy])).toEqual([{ data: { old: 1 } }]);
  expect(start([legacy, checkpoint({ state: stream('a', 1) })])).toEqual([stream('a', 1)]);
});

test('a change of kind is refused, but for LEGACY to a typed one', () => {
  expect(() => checkKindChange('LEGACY', 'GLOBAL')).not.toThrow();
  expect(() => checkKindChange(undefined, 'GLOBAL')).not.toThrow();
  expect(() => checkKindChange('GLOBAL', 'STREAM')).toThrow(
    expect.objectContaining({ kind: 'config_error' }),
  );
});
