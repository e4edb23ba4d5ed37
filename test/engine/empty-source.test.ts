import { emptySource } from '../../engine/empty-source.ts';
import { fromLoader } from '../../engine/writer.ts';
import type {
  ConfiguredCatalog,
  ConfiguredStream,
  Echo,
  Item,
  JsonObject,
  ReadInput,
} from '../../protocol/index.ts';
import { block, catalogOf, configured, end, globalState, id, status } from '../support/items.ts';
import { memoryDestination, memoryStore, type MemoryStore } from '../support/memory-loader.ts';

const never = new AbortController().signal;

/** A refresh or clear of the second sync. */
const replaced = (stream: string): ConfiguredStream => ({
  ...configured(id(stream)),
  generation_id: 2,
  minimum_generation_id: 2,
});

async function written(
  store: MemoryStore,
  catalog: ConfiguredCatalog,
  items: AsyncIterable<Item>,
): Promise<readonly Echo[]> {
  const writer = await fromLoader(memoryDestination(store)).open({
    config: {},
    connection: { id: 'c', name: 'c' },
    catalog,
    epoch: { syncNo: 2, at: 1 },
    from: [],
    adopt: false,
    cadence: { batchBytesMax: 1e9, intervalMsMin: 1e6, intervalMsMax: 1e6 },
    rowsMin: 0,
    permit: () => Promise.reject(new Error('It was asked.')),
    drain: never,
    abort: never,
  });
  const echoes: Echo[] = [];
  for await (const echo of writer.write(items)) echoes.push(echo);
  await writer.close();
  return echoes;
}

const shown = (echoes: readonly Echo[]) =>
  echoes.map(({ checkpoint: { scope, complete, state } }) => ({
    scope,
    complete: complete === true,
    hasState: state !== null,
  }));

test('a sync that reads nothing completes each stream, without a state', async () => {
  const catalog = catalogOf(replaced('shop/a'), replaced('b'));
  const items = emptySource.read({ catalog } as ReadInput<JsonObject>);
  expect(shown(await written(memoryStore(), catalog, items))).toEqual([
    { scope: 'shop/a', complete: true, hasState: false },
    { scope: 'b', complete: true, hasState: false },
  ]);
});

test('a refreshed stream under a GLOBAL state is complete only with that state', async () => {
  async function* items(): AsyncGenerator<Item> {
    yield block(id('a'), 1, 3);
    yield status(id('a'), 'COMPLETE');
    yield globalState({ lsn: 1 });
    yield end({ statuses: { [id('a')]: 'COMPLETE' } });
  }
  const echoes = await written(memoryStore(), catalogOf(replaced('a')), items());
  expect(shown(echoes)).toEqual([
    { scope: '*', complete: false, hasState: true },
    { scope: 'a', complete: true, hasState: false },
  ]);
});
