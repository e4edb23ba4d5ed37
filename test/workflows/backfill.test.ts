import {
  newConnection,
  pendingRefreshes,
  type Checkpoint,
  type ConnectionState,
  type SyncOutcome,
  type SyncSummary,
  type UnfilledStream,
} from '../../protocol/index.ts';
import { backfilled } from '../../workflows/backfill.ts';
import { id } from '../support/items.ts';
import { testPolicy } from './house.ts';

const now = '2026-03-01T12:00:00.000Z';
const [a, b] = [id('a'), id('b')];
const waiting = (stream = a, parts: Partial<UnfilledStream> = {}): UnfilledStream => ({
  ...{ stream, columns: ['note'], count: 1, again: 'merges' },
  ...parts,
});

function connection(parts: Partial<ConnectionState> = {}): ConnectionState {
  const end = { connector: 'x', config: {} };
  const policy = { ...testPolicy, onNewColumn: 'backfill' as const };
  const spec = { name: 'orders', source: end, destination: end, policy };
  return { ...newConnection('uuid', spec), syncNo: 3, ...parts };
}

const after = (
  state: ConnectionState,
  streams: readonly UnfilledStream[] = [waiting()],
  outcome: SyncOutcome = 'succeeded',
): ConnectionState => {
  const unfilled = { streams, streamCount: streams.length };
  return backfilled(state, { outcome, unfilled } as SyncSummary, now);
};

test('with on_new_column: backfill the next sync reads the stream again, beside the old rows', () => {
  const state = after(connection());
  expect(pendingRefreshes(state)).toEqual({ cleared: [], replaced: [], kept: [a] });
  expect(state.generations).toEqual({ a: 4 });
  expect(state.checkpoints['a']).toMatchObject({ seq: 0, state: null });
  expect(after(connection(), [waiting(a), waiting(b)]).minimumGenerations).toEqual({ a: 0, b: 0 });
});

test.each([
  [
    'the policy does not say so',
    connection({ spec: { ...connection().spec, policy: testPolicy } }),
  ],
  [
    'it is asked for already',
    connection({ generations: { [a]: 3 }, minimumGenerations: { [a]: 3 } }),
  ],
  [
    'the connection appends by now',
    connection({
      spec: { ...connection().spec, streams: [{ name: 'a', destination_sync_mode: 'append' }] },
    }),
  ],
] as const)('nothing is asked for when %s', (_, state) => {
  expect(after(state)).toBe(state);
});

test('nor after a sync that did not succeed, nor where rows would be there twice', () => {
  const state = connection();
  for (const outcome of ['failed', 'partial', 'cancelled'] as const)
    expect(after(state, [waiting()], outcome)).toBe(state);
  expect(after(state, [waiting(a, { again: 'duplicates' })])).toBe(state);
});

test('a state of one piece is left to a person', () => {
  const legacy = { scope: '*', state: { data: {} }, edition: 0, seq: 3 } as unknown as Checkpoint;
  const state = connection({ checkpoints: { '*': legacy } });
  expect(after(state)).toBe(state);
});
