import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { filesSource } from '../../connectors/files/index.ts';
import { ordersSource } from '../../docs/examples/own-native/source.ts';
import type { OrdersConfig } from '../../docs/examples/own-native/config.ts';
import { fromLoader } from '../../engine/writer.ts';
import type { ConfiguredCatalog, JsonObject, StateMessage } from '../../protocol/index.ts';
import { noUpdates } from '../../worker/runners/config-listener.ts';
import { protocolSource } from '../../worker/runners/child.ts';
import { exampleOf, ordersToken, startOrdersApi, type OrdersApi } from '../support/orders-api.ts';
import { houseRoot } from '../support/processes.ts';
import { createDuckdb } from './duckdb-harness.ts';
import { openPlace } from './files/place.ts';
import { connection, never } from './harness.ts';
import { sourceSuite } from './source-conformance.ts';

// The sources of docs/writing-connectors.md, and one of the house beside them.

const ordersCount = 1_000;

let api: OrdersApi;
beforeAll(async () => {
  api = await startOrdersApi({ pageMs: 1, count: ordersCount });
});
afterAll(() => api.process.kill());

const ends = (): { config: OrdersConfig; broken: Record<string, OrdersConfig> } => ({
  config: { url: api.url, token: ordersToken },
  broken: { 'a wrong token': { url: api.url, token: 'wrong' } },
});

sourceSuite({
  name: 'The native example',
  create: () =>
    Promise.resolve({
      ...{ source: ordersSource, ...ends(), records: { orders: ordersCount } },
      drop: () => Promise.resolve(),
    }),
});

sourceSuite({
  name: 'The example that is a program',
  create: () => {
    const directory = mkdtempSync(join(tmpdir(), 'tidemark-example-'));
    const source = protocolSource({
      command: [process.execPath, join(exampleOf('own-source'), 'orders-source.mjs')],
      cwd: directory,
      env: { PATH: process.env['PATH'] ?? '' },
      stateDir: join(directory, 'private'),
      spec: { connectionSpecification: {} },
      ...{ label: 'orders', end: 'source', log: () => undefined, updates: noUpdates },
      redact: (text) => text,
    });
    const given = ends() as unknown as { config: JsonObject; broken: Record<string, JsonObject> };
    return Promise.resolve({
      ...{ source, ...given, records: { orders: ordersCount } },
      drop: () => Promise.resolve(rmSync(directory, { recursive: true })),
    });
  },
});

sourceSuite({
  name: 'Files',
  create: () => {
    const place = openPlace();
    const lines = (n: number): string => '{"id":1}\n'.repeat(n);
    place.write('many.jsonl', lines(1_000));
    place.write('few.jsonl', lines(3));
    return Promise.resolve({
      source: filesSource,
      config: { path: place.path, checkpoint_records: 100 },
      broken: { 'no files': { path: join(place.path, 'none') } },
      records: { many: 1_000, few: 3 },
      drop: () => Promise.resolve(place.drop()),
    });
  },
});

test('the native example goes on in DuckDB behind what was committed when it was killed', async () => {
  const harness = await createDuckdb();
  const catalog = await configuredCatalog();
  const attempt = async (n: number, statesMax: number): Promise<readonly number[]> => {
    const abort = new AbortController();
    const writer = await fromLoader(harness.destination).open({
      ...{ config: harness.config, connection, catalog, epoch: { syncNo: 1, at: n } },
      ...{ from: [], adopt: false, rowsMin: 0, permit: () => Promise.resolve() },
      cadence: { batchBytesMax: 1, intervalMsMin: 0, intervalMsMax: 60_000 },
      ...{ drain: never, abort: abort.signal },
    });
    const state = (writer.held ?? []).flatMap(({ state }): StateMessage[] =>
      state === null ? [] : [{ type: 'STATE', state }],
    );
    const items = ordersSource.read({
      ...{ config: ends().config, catalog, state, drain: never, abort: abort.signal },
      accepts: () => ['jsonl'],
      checkpoints: { async *[Symbol.asyncIterator]() {} },
    });
    const reached: number[] = [];
    try {
      for await (const echo of writer.write(items)) {
        reached.push(afterIn(echo.state));
        if (reached.length === statesMax) break;
      }
    } finally {
      abort.abort();
      await writer.close();
    }
    return reached;
  };
  try {
    expect(await attempt(1, 3)).toEqual([100, 200, 300]);
    const after = await attempt(2, Infinity);
    // What was committed when it was left is not read again: it may have been one page more than was told.
    expect([400, 500]).toContain(after[0]);
    expect(after.at(-1)).toBe(ordersCount);
    const [found] = await harness.query(
      'SELECT count(*) AS n, count(DISTINCT id) AS ids FROM orders',
    );
    expect(found).toEqual({ n: String(ordersCount), ids: String(ordersCount) });
  } finally {
    await harness.drop();
  }
});

async function configuredCatalog(): Promise<ConfiguredCatalog> {
  const { streams } = await ordersSource.discover(ends().config, never);
  return {
    streams: streams.map((stream) => ({
      ...{ stream, sync_mode: 'incremental', destination_sync_mode: 'append' },
      ...{ generation_id: 0, minimum_generation_id: 0, sync_id: 1 },
    })),
  };
}

const afterIn = (message: StateMessage | null): number =>
  (message!.state.stream!.stream_state as { readonly after: number }).after;

test('the code that the guide shows is the examples’', () => {
  const page = readFileSync(join(houseRoot(), 'docs/writing-connectors.md'), 'utf8');
  const shown = [...page.matchAll(/```[jt]s\n\/\/ (\S+)\n([^]*?)```/g)];
  expect(shown).toHaveLength(2);
  for (const [, file = '', code = ''] of shown)
    expect(readFileSync(join(houseRoot(), file), 'utf8')).toContain(code);
});
