import { fromLoader } from '../../engine/writer.ts';
import {
  SyncError,
  type Checkpoint,
  type ConfiguredStream,
  type Echo,
  type Item,
} from '../../protocol/index.ts';
import {
  block,
  catalogOf,
  configured,
  end,
  id,
  numbers,
  status,
  streamState,
} from '../support/items.ts';
import {
  memoryDestination,
  memoryStore,
  type MemoryFaults,
  type MemoryStore,
} from '../support/memory-loader.ts';

const [A, B] = [id('a'), id('b')];
const never = new AbortController().signal;

/** A refresh that keeps nothing, of an incremental stream; or an overwrite. */
const replaced = (stream: ConfiguredStream): ConfiguredStream => ({
  ...stream,
  generation_id: 1,
  minimum_generation_id: 1,
});

interface Options {
  readonly streams: readonly ConfiguredStream[];
  readonly rowsMin?: number;
  readonly faults?: MemoryFaults;
  readonly syncNo?: number;
  readonly at?: number;
}

async function run(
  store: MemoryStore,
  items: readonly Item[],
  { streams, rowsMin = 0, faults, syncNo = 1, at = 1 }: Options,
): Promise<{ readonly echoes: readonly Echo[]; readonly error: unknown }> {
  const writer = await fromLoader(memoryDestination(store, faults)).open({
    config: {},
    connection: { id: 'c', name: 'c' },
    catalog: catalogOf(...streams),
    epoch: { syncNo, at },
    from: [],
    adopt: false,
    cadence: { batchBytesMax: 1e9, intervalMsMin: 1e6, intervalMsMax: 1e6 },
    rowsMin,
    permit: () => Promise.reject(new Error('It was asked.')),
    drain: never,
    abort: never,
  });
  const echoes: Echo[] = [];
  const source = (async function* () {
    for (const item of items) yield await Promise.resolve(item);
  })();
  try {
    for await (const echo of writer.write(source)) echoes.push(echo);
    return { echoes, error: null };
  } catch (error) {
    return { echoes, error };
  }
}

const complete = ({ checkpoints }: MemoryStore): unknown[] =>
  [...checkpoints.values()].filter((one) => one.complete).map(({ scope }) => scope);

test('an incremental stream that is refreshed completes with its last state', async () => {
  const store = memoryStore();
  const streams = [replaced(configured(A)), configured(B)];
  const items = [block(A, 1, 2), streamState(A, 'x'), block(B, 1, 1), streamState(B, 'y')];
  const { error } = await run(
    store,
    [
      ...items,
      status(A, 'COMPLETE'),
      status(B, 'COMPLETE'),
      end({ statuses: { [A]: 'COMPLETE', [B]: 'COMPLETE' } }),
    ],
    { streams },
  );
  expect(error).toBeNull();
  expect(complete(store)).toEqual(['a']);
  expect(store.checkpoints.get(A)?.state?.stream?.stream_state).toBe('x');
});

test('where nothing new came it completes with the state it started from', async () => {
  const store = memoryStore();
  const streams = [replaced(configured(A))];
  await run(
    store,
    [
      block(A, 1, 2),
      streamState(A, 'x'),
      end({ failure: { kind: 'transient_error', origin: 'source', message: 'gone' } }),
    ],
    { streams },
  );
  expect(complete(store)).toEqual([]);
  await run(store, [end()], { streams, at: 2 });
  expect(complete(store)).toEqual(['a']);
  expect(store.checkpoints.get(A)).toMatchObject({
    state: { stream: { stream_state: 'x' } },
    records: 2,
  });
});

test('a stream read in full does not complete with a state of an earlier sync', async () => {
  const store = memoryStore();
  const streams = [replaced(configured(A, 'full_refresh'))];
  await run(store, [block(A, 1, 2), streamState(A, 'x'), end()], { streams });
  await run(store, [end()], { streams, syncNo: 2 });
  expect(store.checkpoints.get(A)).toMatchObject({ complete: true, state: null, records: 0 });
});

test('a refreshed stream whose last records no state covers does not complete', async () => {
  const store = memoryStore();
  const streams = [replaced(configured(A))];
  const { error } = await run(store, [block(A, 1, 2), streamState(A, 'x'), block(A, 3, 4), end()], {
    streams,
  });
  expect(error).toMatchObject({
    origin: 'source',
    message: expect.stringContaining('without a state'),
  });
  expect(complete(store)).toEqual([]);
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
});

test('a stream that is refused for having too few rows holds back nothing else', async () => {
  const store = memoryStore();
  const streams = [
    replaced(configured(A, 'full_refresh')),
    replaced(configured(B, 'full_refresh')),
    configured(id('c')),
  ];
  const publish = ({ scope }: Checkpoint): void => {
    if (scope !== A) return;
    throw new SyncError('config_error', 'Too few.', { origin: 'source', code: 'too_few_rows' });
  };
  const { error } = await run(
    store,
    [block(id('c'), 1, 3), streamState(id('c'), 'z'), block(A, 1, 1), block(B, 1, 2), end()],
    { streams, rowsMin: 2, faults: { publish } },
  );
  expect(error).toMatchObject({ code: 'too_few_rows' });
  expect(complete(store)).toEqual(['b']);
  expect(store.rows.get(A)).toBeUndefined();
  expect(numbers(store.rows.get(id('c')))).toEqual([1, 2, 3]);
});
