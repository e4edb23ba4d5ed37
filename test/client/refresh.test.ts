import { streamId, SyncError, type ConnectionSpec, type Stream } from '../../protocol/index.ts';
import type { RefreshRequest, SyncClient } from '../../client/index.ts';
import { fakeHandle, run, type Ran } from './fake-io.ts';
import { connectionState, summary, view } from './samples.ts';

const stream = (name: string, namespace?: string): Stream => ({
  name,
  json_schema: {},
  ...(namespace !== undefined && { namespace }),
});
const offered = [stream('orders'), stream('items', 'shop'), stream('items', 'old')];

interface Asked extends Ran {
  /** What the client was asked for, in order. */
  readonly calls: readonly (RefreshRequest | string)[];
}

async function asked(
  args: readonly string[],
  more: {
    readonly client?: Partial<SyncClient>;
    readonly typed?: string;
    readonly selected?: ConnectionSpec['streams'];
  } = {},
): Promise<Asked> {
  const calls: (RefreshRequest | string)[] = [];
  const { spec } = connectionState();
  const own = more.selected === undefined ? spec : { ...spec, streams: more.selected };
  const client: Partial<SyncClient> = {
    status: async () => connectionState({ spec: own }),
    discover: async () => ({ catalog: { streams: offered }, truncated: false }),
    refresh: async (_, request) => void calls.push(request),
    startSync: async () => {
      calls.push('sync');
      return fakeHandle([view({ attempts: [], summary: summary() })]);
    },
    ...more.client,
  };
  const { typed } = more;
  const io = typed === undefined ? {} : { ask: async () => typed };
  return { calls, ...(await run(args, { client, io })) };
}

test('refresh marks the streams, then syncs and shows it to its end', async () => {
  const { calls, code, out } = await asked(['refresh', 'orders', 'orders', 'shop/items']);
  expect(calls).toEqual([
    { streams: ['orders', 'shop/items'], manner: 'replace', reason: 'tidemark refresh' },
    'sync',
  ]);
  expect(code).toBe(0);
  expect(out).toContain('orders, shop/items: to be read from scratch');
  expect(out).toContain('sync 3 succeeded');
});

test('--all needs no names, --keep keeps, --no-sync and --detach leave the sync alone', async () => {
  const kept = await asked(['refresh', 'orders', '--all', '--keep', '--no-sync', '--json']);
  expect(kept.calls).toMatchObject([{ streams: null, manner: 'keep' }]);
  expect(JSON.parse(kept.out)).toEqual({
    type: 'marked',
    connection: 'orders',
    streams: null,
    manner: 'keep',
  });
  const detached = await asked(['refresh', 'orders', 'orders', '--detach']);
  expect(detached.calls).toMatchObject([{ manner: 'replace' }, 'sync']);
  expect(detached.out).not.toContain('succeeded');
});

test.each([
  ['shop.items', 'shop/items'],
  ['shop/items', 'shop/items'],
  ['orders', 'orders'],
])('a stream is named as discover or as state show writes it: %s', async (typed, id) => {
  const { calls } = await asked(['refresh', 'orders', typed, '--no-sync']);
  expect(calls).toMatchObject([{ streams: [id] }]);
});

test.each([
  ['ordes', 'Did you mean orders?'],
  ['items', 'Name one of: shop/items, old/items.'],
  ['*', 'Known: orders, shop/items, old/items.'],
])('an unknown or unclear stream changes nothing: %s', async (typed, remedy) => {
  const { calls, code, err } = await asked(['refresh', 'orders', typed]);
  expect(calls).toEqual([]);
  expect(code).toBe(2);
  expect(err).toContain(remedy);
});

test('a stream that is not selected is none of the connection’s', async () => {
  const selected = [{ name: 'items', namespace: 'shop' }];
  const refused = await asked(['clear', 'orders', 'orders', '--yes'], { selected });
  expect(refused).toMatchObject({ code: 2, calls: [] });
  expect((await asked(['refresh', 'orders', 'items'], { selected })).calls).toMatchObject([
    { streams: ['shop/items'] },
    'sync',
  ]);
});

test('when the source does not tell its streams, those that have a state are known', async () => {
  const discover = async (): Promise<never> => {
    throw new SyncError('transient_error', 'It is away.', { origin: 'source' });
  };
  const known = await asked(['refresh', 'orders', 'orders'], { client: { discover } });
  expect(known.calls).toMatchObject([{ streams: [streamId({ name: 'orders' })] }, 'sync']);
  expect(known.err).toContain('It is away.');
  const unknown = await asked(['refresh', 'orders', 'shop/items'], { client: { discover } });
  expect(unknown).toMatchObject({ code: 2, calls: [] });
});

test('clear asks for the name of the connection, and does nothing without it', async () => {
  const unasked = await asked(['clear', 'orders', 'orders']);
  expect(unasked).toMatchObject({ code: 2, calls: [] });
  expect(unasked.err).toContain('delete every row of orders of orders');
  expect(await asked(['clear', 'orders', 'orders'], { typed: 'yes' })).toMatchObject({
    code: 2,
    calls: [],
  });
  const cleared = [{ streams: ['orders'], manner: 'clear' }, 'sync'];
  const typed = await asked(['clear', 'orders', 'orders'], { typed: 'orders\n' });
  expect(typed).toMatchObject({ code: 0, calls: cleared });
  const said = await asked(['clear', 'orders', 'orders', '--yes'], { typed: 'no' });
  expect(said.calls).toMatchObject(cleared);
  const all = await asked(['clear', 'orders', '--all', '--yes']);
  expect(all.calls).toMatchObject([{ streams: null, manner: 'clear' }, 'sync']);
});

test('what the workflow refuses starts no sync', async () => {
  const refresh = async (): Promise<never> => {
    throw new SyncError('config_error', 'A sync of this connection is running.', {
      origin: 'tidemark',
      code: 'busy',
    });
  };
  const { code, calls, err } = await asked(['refresh', 'orders', '--all'], { client: { refresh } });
  expect({ code, calls }).toEqual({ code: 2, calls: [] });
  expect(err).toContain('is running');
});
