import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { streamId, SyncError, type Plan, type PlannedStream } from '../../protocol/index.ts';
import type { SyncClient } from '../../client/index.ts';
import { run } from './fake-io.ts';

const orders: PlannedStream = {
  stream: streamId({ name: 'orders', namespace: 'shop' }),
  syncMode: 'incremental',
  destinationSyncMode: 'append_dedup',
  cursor: ['meta', 'at'],
  primaryKey: [['id'], ['tenant']],
  columns: 12,
  chosen: null,
  lands: { namespace: 'lake', name: 'raw_orders' },
  generation: 0,
  rows: 'merged',
  resume: {
    scope: streamId({ name: 'orders', namespace: 'shop' }),
    state: '{"at":"2026-03-01"}',
    committedAt: '2026-03-01T11:59:00.000Z',
    syncNo: 3,
  },
  sourceCounts: true,
};
const plan: Plan = {
  connection: 'shop',
  applied: true,
  syncing: false,
  source: 'api',
  destination: 'postgres',
  syncNo: 4,
  guarantee: { delivery: 'exactly once', because: 'one transaction', verifiedOn: 'Postgres 15' },
  streams: [orders],
  streamCount: 1,
  unselected: [streamId({ name: 'rates' })],
  unselectedCount: 1,
};

const theirs: Plan['guarantee'] = {
  ...{ delivery: 'at least once', because: 'it commits when it likes', verifiedOn: 'x' },
  counts: 'where told',
};

const planned = (changes: Partial<Plan>, args: readonly string[] = []) =>
  run(['plan', 'shop', ...args], { client: { plan: async () => ({ ...plan, ...changes }) } });

test('plan says per stream what the next sync would do, and what is promised', async () => {
  const { code, out } = await planned({});
  expect(code).toBe(0);
  expect(out.split('\n')).toEqual([
    'shop: api to postgres, sync 4',
    'guarantee: exactly once: one transaction; verified on Postgres 15',
    expect.stringContaining('sends again'),
    expect.stringContaining('the source’s too where it sends them'),
    '',
    'shop.orders',
    '  mode     incremental, append_dedup',
    '  cursor   meta.at',
    '  key      id, tenant',
    '  into     lake.raw_orders',
    '  columns  all 12',
    '  rows     the last of each key stays (generation 0)',
    '  from     {"at":"2026-03-01"}, 1m00s ago by sync 3',
    '  counts   compared: the source sends them',
    '',
    '1 stream',
    'not selected: rates',
    '',
  ]);
});

test.each<[Partial<PlannedStream>, string]>([
  [{ resume: null }, 'from     the start'],
  [{ resume: { ...orders.resume!, scope: '*' } }, '"} (of all streams), 1m00s ago'],
  [{ rows: 'emptied' }, 'from     nothing is read'],
  [{ rows: 'replaced', generation: 4 }, 'then they are replaced (generation 4)'],
  [{ cursor: [] }, "cursor   the source's own"],
  [{ primaryKey: [] }, 'key      none'],
  [{ columns: 0 }, 'columns  not told by the source'],
  [{ chosen: { fields: ['id', 'at'], count: 2 } }, 'columns  chosen: id, at\n'],
  [{ chosen: { fields: ['id'], count: 70 } }, 'columns  chosen: id, … (70 in all)'],
  [{ lands: { namespace: null, name: 'x' } }, "into     x, where the destination's config says"],
  [{ sourceCounts: null }, 'compared where the source sends them'],
  [{ sourceCounts: false }, 'not compared'],
])('%j is told', async (changes, expected) => {
  expect((await planned({ streams: [{ ...orders, ...changes }] })).out).toContain(expected);
});

test.each<[Partial<Plan>, string]>([
  [{ applied: false }, '(not applied yet)'],
  [{ syncing: true }, '(after the one that runs'],
  [{ guarantee: null }, 'guarantee: at least once'],
  [{ guarantee: theirs }, 'guarantee: at least once: it commits when it likes; verified on x'],
  [{ guarantee: theirs }, 'agree for each state where it sends them, or'],
  [
    { guarantee: theirs, streams: [{ ...orders, rows: 'replaced' }] },
    'rows     replaced, before or after the new ones are complete',
  ],
  [
    { parallelism: { asked: 4, readsAtOnce: null } },
    'parallelism: 4, without effect: api reads one',
  ],
  [{ parallelism: { asked: 4, readsAtOnce: 'tables' } }, 'parallelism: 4, tables\n'],
  [{ streamCount: 5_000 }, '… and 4,999 more streams'],
  [{ unselectedCount: 30 }, 'rates, … (30 in all)'],
])('of the whole, %j is told', async (changes, expected) => {
  expect((await planned(changes)).out).toContain(expected);
});

test('--json prints the plan as it is', async () => {
  expect(JSON.parse((await planned({}, ['--json'])).out)).toEqual(plan);
});

test('a file is sent as a spec; what the worker refuses is told with its remedy', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-plan-'));
  try {
    const text = 'name: shop\nsource: { connector: a }\ndestination: { connector: b }\n';
    await writeFile(join(directory, 'shop.yaml'), text);
    const asked: unknown[] = [];
    const client: Partial<SyncClient> = {
      plan: async (target) => {
        asked.push(target);
        throw new SyncError('config_error', 'The source has no such stream.', {
          origin: 'source',
          remedy: 'Did you mean orders?',
        });
      },
    };
    const refused = await run(['plan', './shop.yaml'], { client, io: { directory } });
    expect(asked).toMatchObject([{ name: 'shop', source: { connector: 'a' } }]);
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toContain('Did you mean orders?');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
