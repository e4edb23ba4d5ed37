import { catalogHash, configureCatalog, type ConfigureInput } from '../../engine/configure.ts';
import { streamId, type Stream, type StreamId } from '../../protocol/index.ts';

const orders: Stream = {
  name: 'orders',
  json_schema: { type: 'object', properties: { id: { type: 'integer' } } },
  supported_sync_modes: ['full_refresh', 'incremental'],
  source_defined_primary_key: [['id']],
  default_cursor_field: ['updated_at'],
};
const logs: Stream = { name: 'logs', namespace: 'app', json_schema: { type: 'object' } };

function configure(parts: Partial<ConfigureInput> = {}): ReturnType<typeof configureCatalog> {
  return configureCatalog({
    catalog: { streams: [orders, logs] },
    selections: undefined,
    syncNo: 7,
    generations: {},
    minimumGenerations: {},
    completed: new Set(),
    ...parts,
  });
}

test('without selections takes every stream in the best mode that it supports', () => {
  expect(configure().streams).toMatchObject([
    {
      sync_mode: 'incremental',
      destination_sync_mode: 'append_dedup',
      cursor_field: ['updated_at'],
      primary_key: [['id']],
      generation_id: 0,
      minimum_generation_id: 0,
      sync_id: 7,
    },
    {
      sync_mode: 'full_refresh',
      destination_sync_mode: 'overwrite',
      generation_id: 7,
      minimum_generation_id: 7,
    },
  ]);
});

test('the destination has a say in the best mode, and in the chosen one', () => {
  const modes = (destinationModes: readonly string[]): readonly string[] =>
    configure({ destinationModes }).streams.map((s) => s.destination_sync_mode);
  expect(modes(['append', 'append_dedup', 'overwrite'])).toEqual(['append_dedup', 'overwrite']);
  expect(modes(['append', 'overwrite'])).toEqual(['append', 'overwrite']);
  expect(modes(['append'])).toEqual(['append', 'append']);
  const chosen = { name: 'orders', destination_sync_mode: 'append_dedup' as const };
  const refused = () =>
    configure({ destinationModes: ['append', 'overwrite'], selections: [chosen] });
  expect(refused).toThrow(
    expect.objectContaining({
      ...{ kind: 'config_error', origin: 'destination', stream: 'orders' },
      remedy: 'Use one of: append, overwrite.',
    }),
  );
});

test('a refresh that is not done replaces the data, one that is done appends to it, and all streams may be meant', () => {
  const ids = (parts: Partial<ConfigureInput>): (readonly [number, number])[] =>
    configure({
      selections: [
        { name: 'orders' },
        { name: 'logs', namespace: 'app', destination_sync_mode: 'append' },
      ],
      ...parts,
    }).streams.map((s) => [s.generation_id, s.minimum_generation_id]);
  const asked = { '*': 5, orders: 6 } as ConfigureInput['generations'];
  expect(ids({ generations: asked, minimumGenerations: asked })).toEqual([
    [6, 6],
    [7, 7],
  ]);
  const all = { '*': 5 } as ConfigureInput['generations'];
  expect(ids({ generations: asked, minimumGenerations: all })[0]).toEqual([6, 0]);
  expect(ids({ generations: all, minimumGenerations: all })[0]).toEqual([5, 5]);
  expect(ids({ generations: all })).toEqual([
    [5, 0],
    [7, 0],
  ]);
});

test('follows a selection, finds a stream by namespace, leaves out what is completed', () => {
  const selections = [
    { name: 'logs', namespace: 'app' },
    { name: 'orders', destination_sync_mode: 'append' as const },
  ];
  const { streams } = configure({ selections, completed: new Set(['app/logs' as StreamId]) });
  expect(streams).toMatchObject([{ stream: { name: 'orders' }, destination_sync_mode: 'append' }]);
});

test('the cursor is the source’s own, else the chosen, else the default', () => {
  const chosen = { name: 'orders', cursor_field: ['created_at'] };
  expect(configure({ selections: [chosen] }).streams[0]?.cursor_field).toEqual(['created_at']);
  const own = { ...orders, source_defined_cursor: true };
  const { streams } = configure({ catalog: { streams: [own] }, selections: [chosen] });
  expect(streams[0]?.cursor_field).toEqual(['updated_at']);
});

test.each([
  [{ name: 'nope' }, /no such stream/, /app\/logs, orders/],
  [
    { name: 'logs', namespace: 'app', sync_mode: 'incremental' as const },
    /does not support/,
    /full_refresh/,
  ],
  [
    { name: 'logs', namespace: 'app', destination_sync_mode: 'append_dedup' as const },
    /primary key/,
    /append/,
  ],
])('refuses %j as a config error with a remedy', (selection, message, remedy) => {
  expect(() => configure({ selections: [selection] })).toThrow(
    expect.objectContaining({
      kind: 'config_error',
      message: expect.stringMatching(message),
      remedy: expect.stringMatching(remedy),
    }),
  );
});

describe('chosen columns', () => {
  const wide: Stream = {
    ...orders,
    json_schema: {
      type: 'object',
      required: ['id', 'note'],
      properties: Object.fromEntries(
        ['id', 'updated_at', 'total', 'note', '_ab_cdc_deleted_at'].map((name) => [name, {}]),
      ),
    },
  };
  const choose = (selection: object): ReturnType<typeof configure>['streams'][0] =>
    configure({ catalog: { streams: [wide] }, selections: [{ name: 'orders', ...selection }] })
      .streams[0]!;

  test('are all that the schema keeps, with key, cursor and what change data capture adds', () => {
    const { stream, landing } = choose({ columns: ['total'] });
    expect(stream.json_schema).toEqual({
      type: 'object',
      required: ['id'],
      properties: { id: {}, updated_at: {}, total: {}, _ab_cdc_deleted_at: {} },
    });
    expect(landing).toEqual({ only: ['total', 'updated_at', 'id'] });
    expect(choose({}).landing).toBeUndefined();
  });

  test('may name a key or a cursor that the schema lacks, and keep a nested one by its first part', () => {
    const { stream, landing } = choose({
      columns: ['other'],
      primary_key: [['other']],
      cursor_field: ['note', 'at'],
    });
    expect(Object.keys(stream.json_schema['properties']!)).toEqual(['note', '_ab_cdc_deleted_at']);
    expect(landing!.only).toEqual(['other', 'note']);
  });

  test('that the stream lacks are a config error with the nearest name', () => {
    expect(() => choose({ columns: ['totl'] })).toThrow(
      expect.objectContaining({
        kind: 'config_error',
        stream: 'orders',
        place: expect.stringContaining('totl'),
        remedy: 'Did you mean total?',
      }),
    );
    const bare = { catalog: { streams: [logs] }, selections: [{ ...logs, columns: ['id'] }] };
    expect(() => configure(bare)).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('Remove columns') }),
    );
    expect(() => choose({ columns: ['xylophone'] })).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('id, updated_at, total, note') }),
    );
  });
});

test.each([
  ['raw', { orders: 'raw', 'app/logs': 'raw' }],
  ['raw_${SOURCE_NAMESPACE}', { orders: 'raw_', 'app/logs': 'raw_app' }],
  ['${SOURCE_NAMESPACE}', { orders: undefined, 'app/logs': 'app' }],
  [undefined, { orders: undefined, 'app/logs': undefined }],
])('the namespace %s says where a stream goes', (namespace, expected) => {
  const { streams } = configure({ naming: { ...(namespace !== undefined && { namespace }) } });
  const found = streams.map(({ stream, landing }) => [streamId(stream), landing?.namespace]);
  expect(Object.fromEntries(found)).toEqual(expected);
  expect(streams.map(({ stream }) => stream.namespace)).toEqual([undefined, 'app']);
});

test('the namespace of a stream is taken to the letter', () => {
  const naming = { namespace: 'raw_${SOURCE_NAMESPACE}' };
  const { streams } = configure({
    catalog: { streams: [{ ...logs, namespace: 'a$&b' }] },
    naming,
  });
  expect(streams[0]!.landing).toEqual({ namespace: 'raw_a$&b' });
});

test('the prefix goes with every stream', () => {
  const { streams } = configure({ naming: { prefix: 'shop_' } });
  expect(streams.map(({ landing }) => landing)).toEqual([{ prefix: 'shop_' }, { prefix: 'shop_' }]);
});

test('soft deletes are the destination’s matter, and mean nothing without dedup', () => {
  const soft = { name: 'orders', cdc_deletes: 'soft' as const };
  expect(configure({ selections: [soft] }).streams[0]!.landing).toEqual({ cdc_deletes: 'soft' });
  const hard = { name: 'orders', cdc_deletes: 'hard' as const };
  expect(configure({ selections: [hard] }).streams[0]!.landing).toBeUndefined();
  expect(() => configure({ selections: [{ ...soft, destination_sync_mode: 'append' }] })).toThrow(
    expect.objectContaining({
      kind: 'config_error',
      stream: 'orders',
      remedy: expect.stringContaining('append_dedup'),
    }),
  );
});

test('the hash of a catalog depends on what it says, not on its order', () => {
  const turned = { json_schema: { properties: { id: { type: 'integer' } }, type: 'object' } };
  const { json_schema: _, ...rest } = orders;
  const hash = catalogHash({ streams: [orders, logs] });
  expect(catalogHash({ streams: [logs, { ...turned, ...rest }] })).toBe(hash);
  expect(catalogHash({ streams: [logs, { ...orders, is_resumable: true }] })).not.toBe(hash);
});
