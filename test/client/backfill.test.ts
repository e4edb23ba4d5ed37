import type { Backfill, SyncClient, UnfilledStream } from '../../client/index.ts';
import { id } from '../support/items.ts';
import { fakeHandle, run, type Ran } from './fake-io.ts';
import { connectionState, summary, view } from './samples.ts';

const waiting = (name: string, again: UnfilledStream['again'] = 'merges'): UnfilledStream => ({
  ...{ stream: id(name), columns: ['note'], count: 1, again },
});
const unfilled = { streams: [waiting('orders')], streamCount: 1 };
const found = summary({ unfilled });

async function asked(
  args: readonly string[],
  done: Partial<Backfill> = { marked: [waiting('orders')] },
): Promise<Ran & { readonly calls: readonly unknown[] }> {
  const calls: unknown[] = [];
  const client: Partial<SyncClient> = {
    status: async () => connectionState({ history: [found] }),
    discover: async () => ({
      catalog: { streams: [{ name: 'orders', json_schema: {} }] },
      truncated: false,
    }),
    backfill: async (_, streams) => {
      calls.push(streams);
      return { marked: [], pending: [], duplicating: [], ...done };
    },
    startSync: async () => {
      calls.push('sync');
      return fakeHandle([view({ attempts: [], summary: summary() })]);
    },
  };
  return { calls, ...(await run(['schema', ...args], { client })) };
}

test('schema backfill marks what can be merged, or the streams that are named, then syncs', async () => {
  const all = await asked(['backfill', 'orders']);
  expect([all.calls, all.code]).toEqual([[null, 'sync'], 0]);
  expect(all.out).toContain('orders: orders: to be read again from scratch');
  const one = await asked(['backfill', 'orders', 'orders', '--no-sync', '--json']);
  expect([one.calls, one.code]).toEqual([[['orders']], 0]);
  expect(JSON.parse(one.out)).toMatchObject({ type: 'marked', marked: [{ stream: 'orders' }] });
});

test('it says what is marked already, and what it leaves alone', async () => {
  const { out } = await asked(['backfill', 'orders', '--no-sync'], {
    pending: [waiting('items')],
    duplicating: [waiting('logs', 'duplicates')],
  });
  expect(out).toContain('items: the next sync reads them again already.');
  expect(out).toContain('logs: left alone');
  expect(out).toContain('tidemark refresh orders <stream>');
});

test('schema show, status and a sync’s end tell which columns old rows lack', async () => {
  const { out } = await asked(['show', 'orders']);
  expect(out).toContain('the last sync found no change of the source');
  expect(out).toContain('tidemark schema backfill');
  expect(out).toContain('  orders: note');
  const json = JSON.parse((await asked(['show', 'orders', '--json'])).out) as object;
  expect(json).toEqual({ name: 'orders', changes: null, unfilled });
  const client: Partial<SyncClient> = {
    status: async () => connectionState({ history: [found] }),
    startSync: async () => fakeHandle([view({ attempts: [], summary: found })]),
    schedules: { describe: async () => null } as never,
    runningSync: async () => null,
  };
  for (const verb of ['status', 'sync'])
    expect((await run([verb, 'orders'], { client })).out).toContain('  orders: note');
});
