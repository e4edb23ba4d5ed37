import { limitedTo, refuseForgotten, sourceFor } from '../../activities/refresh.ts';
import { everyStream, type Checkpoint, type Scope, type State } from '../../protocol/index.ts';
import type { Attached } from '../../workflows/messages.ts';
import { catalogOf, configured, id } from '../support/items.ts';

const checkpoint = (scope: Scope, parts: Partial<Checkpoint>): Checkpoint => ({
  scope,
  edition: 0,
  epoch: { syncNo: 0, at: 0 },
  seq: 0,
  state: null,
  records: 0,
  bytes: 0,
  committedAt: '',
  ...parts,
});
const attached = (refreshed: Readonly<Record<string, number>>): Attached => ({
  checkpoints: [],
  generations: refreshed,
  minimumGenerations: refreshed,
  clearing: [],
  adopt: false,
  attemptsWithoutProgress: 1,
});
const shared = (epochSyncNo: number, edition: number, type: 'GLOBAL' | 'LEGACY' = 'GLOBAL') => {
  const state: State = type === 'GLOBAL' ? { type, global: {} } : { data: {} };
  return checkpoint('*', { state, edition, epoch: { syncNo: epochSyncNo, at: 1 }, seq: 1 });
};
const reset = checkpoint(id('a'), { edition: 9 });

test('a state of all streams that the refresh did not know of stops the sync', () => {
  for (const type of ['GLOBAL', 'LEGACY'] as const)
    expect(
      refuseForgotten([reset, shared(3, 0, type)], attached({ a: 4 }), 'orders'),
    ).toMatchObject({
      kind: 'config_error',
      place: 'a',
      remedy: expect.stringContaining('tidemark refresh orders --all'),
    });
});

test.each([
  ['it was edited with the stream', [reset, shared(0, 9)], { a: 4 }],
  ['the refresh itself made it', [reset, shared(4, 0)], { a: 4 }],
  ['no refresh is pending', [reset, shared(3, 0)], {}],
  ['everything is refreshed', [reset, shared(3, 9)], { [everyStream]: 4 }],
  ['states are per stream', [reset, checkpoint('*', {})], { a: 4 }],
])('it does not when %s', (_, start, refreshed) => {
  expect(refuseForgotten(start, attached(refreshed), 'orders')).toBeNull();
});

test('a clear has its streams only, and the source that sends nothing', () => {
  const whole = catalogOf(configured(id('a')), configured(id('b')));
  const names = (clearing: readonly string[]): readonly string[] =>
    limitedTo(clearing.map(id), whole).streams.map(({ stream }) => stream.name);
  expect(names([])).toEqual(['a', 'b']);
  expect(names(['b'])).toEqual(['b']);
  expect(names([everyStream])).toEqual(['a', 'b']);
  const opened = { source: { spec: null }, config: {} } as never;
  expect(sourceFor([], opened)).toBe(opened);
  expect(sourceFor([id('a')], opened)).not.toBe(opened);
});
