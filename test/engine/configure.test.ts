import { catalogHash, configureCatalog, type ConfigureInput } from '../../engine/configure.ts';
import type { Stream, StreamId } from '../../protocol/index.ts';

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

test('the hash of a catalog depends on what it says, not on its order', () => {
  const turned = { json_schema: { properties: { id: { type: 'integer' } }, type: 'object' } };
  const { json_schema: _, ...rest } = orders;
  const hash = catalogHash({ streams: [orders, logs] });
  expect(catalogHash({ streams: [logs, { ...turned, ...rest }] })).toBe(hash);
  expect(catalogHash({ streams: [logs, { ...orders, is_resumable: true }] })).not.toBe(hash);
});
