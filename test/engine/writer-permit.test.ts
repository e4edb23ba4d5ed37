import { createPipe, type Pipe } from '../../engine/pipe.ts';
import { fromLoader } from '../../engine/writer.ts';
import { SyncError, type CadenceBounds, type Echo, type Loader } from '../../protocol/index.ts';
import { block, catalogOf, configured, end, id, numbers, streamState } from '../support/items.ts';
import { memoryDestination, memoryStore, type MemoryStore } from '../support/memory-loader.ts';

// A destination without a fence takes whatever comes: before each commit its writer asks whether it still may.

const A = id('a');
const soon: CadenceBounds = { batchBytesMax: 1e9, intervalMsMin: 20, intervalMsMax: 20 };
const never: CadenceBounds = { batchBytesMax: 1e9, intervalMsMin: 1e6, intervalMsMax: 1e6 };
const fencedOff = new SyncError('transient_error', 'A newer writer owns this connection.', {
  origin: 'tidemark',
  code: 'fenced',
});

interface Asking {
  readonly store: MemoryStore;
  readonly pipe: Pipe;
  readonly drain: AbortController;
  /** The echoes, or what the writing failed with. */
  readonly written: Promise<unknown>;
  /** Resolves when it has asked for the permit, or has committed all the same. */
  readonly untilAsked: () => Promise<void>;
  readonly give: () => void;
  readonly refuse: () => void;
}

/** A writer that holds a record and its state. */
async function writing(cadence: CadenceBounds): Promise<Asking> {
  const store = memoryStore();
  const native = memoryDestination(store);
  const withoutFence = (): Loader => {
    const fenced = native.loader({});
    return { ...fenced, open: (input) => fenced.open(input).then(() => null) };
  };
  let answer: { resolve(): void; reject(error: SyncError): void } | null = null;
  const drain = new AbortController();
  const writer = await fromLoader({ ...native, loader: withoutFence }).open({
    config: {},
    connection: { id: 'c', name: 'c' },
    catalog: catalogOf(configured(A)),
    epoch: { syncNo: 1, at: 1 },
    from: [],
    adopt: false,
    rowsMin: 0,
    cadence,
    permit: () => new Promise((resolve, reject) => (answer = { resolve, reject })),
    drain: drain.signal,
    abort: new AbortController().signal,
  });
  const pipe = createPipe({ bytesMax: 1e6 });
  const consume = async (): Promise<readonly Echo[]> => {
    const echoes: Echo[] = [];
    for await (const echo of writer.write(pipe.items())) echoes.push(echo);
    return echoes;
  };
  const written = consume().catch((error: unknown) => error);
  const taken = block(A, 1, 1);
  await pipe.push(taken);
  await pipe.push(streamState(A, 'x'));
  while (taken.released() === 0 || pipe.stats.items > 0) await new Promise(setImmediate);
  return {
    store,
    pipe,
    drain,
    written,
    untilAsked: async () => {
      while (answer === null && store.commits === 0) await new Promise(setImmediate);
      // What does not wait for the answer would commit now.
      for (let i = 0; i < 10; i += 1) await new Promise(setImmediate);
    },
    give: () => answer!.resolve(),
    refuse: () => answer!.reject(fencedOff),
  };
}

test('what the timer commits waits for the permit', async () => {
  const { store, pipe, written, untilAsked, give } = await writing(soon);
  await untilAsked();
  expect(store.commits).toBe(0);
  give();
  await pipe.push(end());
  expect(await written).toHaveLength(1);
  expect(numbers(store.rows.get(A))).toEqual([1]);
});

test('what a drain commits waits for the permit', async () => {
  const { store, drain, written, untilAsked, give } = await writing(never);
  drain.abort();
  await untilAsked();
  expect(store.commits).toBe(0);
  give();
  expect(await written).toHaveLength(1);
  expect(numbers(store.rows.get(A))).toEqual([1]);
});

test('a refusal leaves it uncommitted and ends the writer', async () => {
  const { store, written, untilAsked, refuse } = await writing(soon);
  await untilAsked();
  refuse();
  expect(await written).toBe(fencedOff);
  expect([store.commits, store.rows.size]).toEqual([0, 0]);
});
