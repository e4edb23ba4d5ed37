import { planOf } from '../../activities/plan.ts';
import {
  defaultPolicy,
  everyStream,
  newConnection,
  type Catalog,
  type Checkpoint,
  type ConnectionSpec,
  type ConnectionState,
  type PlannedStream,
  type Scope,
  type State,
} from '../../protocol/index.ts';
import { natives } from '../../worker/natives.ts';
import { id } from '../support/items.ts';

const key = [['id']];
const offered: Catalog = {
  streams: [
    {
      name: 'orders',
      json_schema: { properties: { id: {}, at: {} } },
      supported_sync_modes: ['full_refresh', 'incremental'],
      default_cursor_field: ['at'],
      source_defined_primary_key: key,
    },
    { name: 'rates', namespace: 'shop', json_schema: {}, supported_sync_modes: ['full_refresh'] },
  ],
};
const spec: ConnectionSpec = {
  name: 'shop',
  source: { connector: 'api', config: {} },
  destination: { connector: 'duckdb', config: {} },
  policy: defaultPolicy,
};
const guarantee = { delivery: 'exactly once', because: 'x', verifiedOn: 'y' } as const;

const committedAt = '2026-03-01T11:59:00.000Z';
const checkpoint = (
  scope: Scope,
  state: State | null,
  more: Partial<Checkpoint> = {},
): Checkpoint => ({
  ...{ scope, state, edition: 0, epoch: { syncNo: 3, at: 1 }, seq: 1, records: 1, bytes: 1 },
  committedAt,
  ...more,
});
const ordersState = (more: Partial<State> = {}): State => ({
  type: 'STREAM',
  stream: { stream_descriptor: { name: 'orders' }, stream_state: { at: 5 } },
  ...more,
});

function held(checkpoints: readonly Checkpoint[], more: Partial<ConnectionState> = {}) {
  const byScope = Object.fromEntries(checkpoints.map((one) => [one.scope, one]));
  return { ...newConnection('1', spec), syncNo: 3, checkpoints: byScope, ...more };
}

function plannedBy(state: ConnectionState | null): readonly PlannedStream[] {
  return planOf(spec, state, offered, guarantee).streams;
}

test('a connection that is not stored: the modes that a sync would choose, from the start', () => {
  const plan = planOf(spec, null, offered, guarantee);
  expect(plan).toEqual({
    ...{ connection: 'shop', applied: false, syncing: false, source: 'api', destination: 'duckdb' },
    ...{ syncNo: 1, guarantee, streamCount: 2, unselected: [], unselectedCount: 0 },
    streams: [
      {
        ...{ stream: 'orders', syncMode: 'incremental', destinationSyncMode: 'append_dedup' },
        ...{ cursor: ['at'], primaryKey: key, columns: 2, generation: 0, rows: 'merged' },
        ...{ resume: null, sourceCounts: null },
        ...{ chosen: null, lands: { namespace: null, name: 'orders' } },
      },
      {
        ...{ stream: 'shop/rates', syncMode: 'full_refresh', destinationSyncMode: 'overwrite' },
        ...{ cursor: [], primaryKey: [], columns: 0, generation: 1, rows: 'replaced' },
        ...{ resume: null, sourceCounts: null },
        ...{ chosen: null, lands: { namespace: 'shop', name: 'rates' } },
      },
    ],
  });
});

test('an incremental stream goes on at its checkpoint, a full refresh begins anew', () => {
  const rates: State = {
    type: 'STREAM',
    stream: { stream_descriptor: { name: 'rates', namespace: 'shop' }, stream_state: { page: 9 } },
  };
  const [orders, full] = plannedBy(
    held([checkpoint(id('orders'), ordersState()), checkpoint('shop/rates' as Scope, rates)]),
  );
  expect(orders!.resume).toEqual({ scope: 'orders', state: '{"at":5}', committedAt, syncNo: 3 });
  expect(full).toMatchObject({ resume: null, generation: 4 });
});

test('a state is cut, and one with numbers that parsing would change is shown as it is', () => {
  const exact =
    '{"type":"STREAM","stream":{"stream_descriptor":{"name":"orders"},"stream_state":{"at":1.0}}}';
  const [lossy] = plannedBy(held([checkpoint(id('orders'), ordersState(), { exact })]));
  expect(lossy!.resume!.state).toBe(exact);
  const stream = { stream_descriptor: { name: 'orders' }, stream_state: 'x'.repeat(1_000) };
  const [long] = plannedBy(held([checkpoint(id('orders'), ordersState({ stream }))]));
  expect(long!.resume!.state).toHaveLength(200);
});

test.each([
  [{ sourceStats: { recordCount: 0 } }, true],
  [{}, false],
])('the last state tells whether the source counts: %j', (more, expected) => {
  const [orders] = plannedBy(held([checkpoint(id('orders'), ordersState(more))]));
  expect(orders!.sourceCounts).toBe(expected);
});

test('a GLOBAL state is the place of the streams that it lists', () => {
  const state = (listed: readonly string[]): State => ({
    type: 'GLOBAL',
    global: {
      shared_state: { lsn: 7 },
      stream_states: listed.map((name) => ({ stream_descriptor: { name }, stream_state: {} })),
    },
  });
  const [inIt] = plannedBy(held([checkpoint('*', state(['orders']))]));
  expect(inIt!.resume).toMatchObject({ scope: '*', state: expect.stringContaining('"lsn":7') });
  const [notInIt] = plannedBy(held([checkpoint('*', state(['items']))]));
  expect(notInIt!.resume).toBeNull();
});

test('where a stream lands and which fields it takes, as the sync will have it', () => {
  const named: ConnectionSpec = {
    ...{ ...spec, namespace: 'raw_${SOURCE_NAMESPACE}', prefix: 'x_' },
    streams: [
      { name: 'orders', columns: ['id'] },
      { name: 'rates', namespace: 'shop' },
    ],
  };
  expect(planOf(named, null, offered, null).streams).toMatchObject([
    {
      ...{ lands: { namespace: 'raw_', name: 'x_orders' }, columns: 2 },
      chosen: { fields: ['id', 'at'], count: 2 },
    },
    { lands: { namespace: 'raw_shop', name: 'x_rates' }, chosen: null },
  ]);
});

test('a pending refresh replaces, a pending clear empties and leaves the other streams out', () => {
  const reset = checkpoint(id('orders'), null, { edition: 9, seq: 0 });
  const raised = { generations: { [id('orders')]: 4 }, minimumGenerations: { [id('orders')]: 4 } };
  const [refreshed] = plannedBy(held([reset], raised));
  expect(refreshed).toMatchObject({ rows: 'replaced', resume: null, generation: 4 });
  const cleared = plannedBy(held([reset], { ...raised, clearing: [id('orders')] }));
  expect(cleared).toMatchObject([{ stream: 'orders', rows: 'emptied' }]);
  expect(plannedBy(held([], { clearing: [everyStream] }))).toHaveLength(2);
});

test('what is not selected is named, and a stream that is not offered is refused with the nearest', () => {
  const plan = planOf({ ...spec, streams: [{ name: 'orders' }] }, null, offered, null);
  expect(plan).toMatchObject({ unselected: ['shop/rates'], unselectedCount: 1, guarantee: null });
  expect(() => planOf({ ...spec, streams: [{ name: 'ordrs' }] }, null, offered, null)).toThrow(
    expect.objectContaining({
      kind: 'config_error',
      stream: 'ordrs',
      remedy: 'Did you mean orders? Choose from: orders, shop/rates.',
    }),
  );
});

test.each(['duckdb', 'files', 'mysql', 'postgres', 's3'])(
  '%s says what it promises, and on what that was verified',
  async (name) => {
    expect((await natives[name]!.destination!()).guarantee).toMatchObject({
      delivery: 'exactly once',
      verifiedOn: expect.stringMatching(/./) as unknown,
    });
  },
);
