import { createFlow } from '../../activities/flow.ts';
import type { Item } from '../../protocol/index.ts';
import {
  block,
  catalogOf,
  configured,
  end,
  globalState,
  id,
  status,
  streamState,
} from '../support/items.ts';
import { eventually } from '../worker/eventually.ts';

const a = id('a');
const b = id('b');

async function* of(items: readonly Item[]): AsyncGenerator<Item> {
  yield* items;
}

const open = { before: () => undefined, allow: () => undefined };

/** What the flow says after each item. */
async function boundaries(items: readonly Item[]): Promise<boolean[]> {
  const flow = createFlow(catalogOf(configured(a), configured(b, 'full_refresh')));
  const said: boolean[] = [];
  for await (const item of flow.tap(of(items), open)) {
    if (item.type !== 'END') said.push(flow.isAtBoundary);
  }
  return said;
}

test('a boundary is where states have come and cover every record', async () => {
  const items = [block(a, 1, 2), streamState(a, 2), block(b, 1, 1), streamState(a, 3), end()];
  expect(await boundaries(items)).toEqual([false, true, false, false]);
  expect(await boundaries([block(a, 1, 1), block(b, 1, 1), globalState(1)])).toEqual([
    false,
    false,
    true,
  ]);
});

test('a stream that says COMPLETE has nothing uncovered', async () => {
  const items = [block(a, 1, 1), streamState(a, 1), block(b, 1, 1), status(b, 'COMPLETE')];
  expect(await boundaries(items)).toEqual([false, true, false, true]);
});

test('a load of whole streams without states is told from a late state', async () => {
  const flow = createFlow(catalogOf(configured(a), configured(b, 'full_refresh')));
  const items = flow.tap(of([block(b, 1, 1), block(a, 1, 1)]), open);
  const iterator = items[Symbol.asyncIterator]();
  await iterator.next();
  expect(flow.isLoadingWhole).toBe(true);
  await iterator.next();
  expect(flow.isLoadingWhole).toBe(false);
});

test('it says for how long the source has shown no life while the writer waits', async () => {
  const flow = createFlow(catalogOf(configured(a)));
  async function* silent(): AsyncGenerator<Item> {
    await new Promise(() => undefined);
    yield end();
  }
  expect(flow.silentMs).toBe(0);
  void flow.tap(silent(), open)[Symbol.asyncIterator]().next();
  await eventually('it was silent for a while', () => flow.silentMs > 50);
  flow.lives();
  expect(flow.silentMs).toBeLessThan(50);
});

test('an item that is not allowed is released and does not reach the writer', async () => {
  const flow = createFlow(catalogOf(configured(a)));
  const refusal = new Error('not allowed');
  const refused = block(a, 1, 1);
  const gate = { before: () => undefined, allow: () => Promise.reject(refusal) };
  const items = flow.tap(of([refused]), gate)[Symbol.asyncIterator]();
  await expect(items.next()).rejects.toBe(refusal);
  expect(refused.released()).toBe(1);
});

test('a stream that is a checkpoint only as a whole is no place to stop, whatever its states say', async () => {
  const catalog = catalogOf(configured(a), configured(b, 'full_refresh'));
  const flow = createFlow(catalog, new Set([b]));
  const items = [
    ...[block(a, 1, 1), streamState(a, 1)],
    ...[block(b, 1, 1), streamState(b, 1), block(a, 2, 2), streamState(a, 2)],
  ];
  const seen: boolean[][] = [];
  for await (const item of flow.tap(of(items), open)) {
    expect(items).toContain(item);
    seen.push([flow.isAtBoundary, flow.isLoadingWhole]);
  }
  expect(seen).toEqual([
    [false, false],
    [false, false],
    [false, true],
    [false, true],
    [false, false],
    [false, true],
  ]);
});
