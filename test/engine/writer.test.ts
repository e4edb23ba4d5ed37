import fc from 'fast-check';
import { createPipe } from '../../engine/pipe.ts';
import { defaultTailBounds, type TailBounds } from '../../engine/stream-load.ts';
import { fromLoader } from '../../engine/writer.ts';
import {
  SyncError,
  type CadenceBounds,
  type ConfiguredCatalog,
  type Echo,
  type Item,
  type SyncFailure,
  type StreamId,
} from '../../protocol/index.ts';
import {
  block,
  catalogOf,
  configured,
  end,
  globalState,
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

/** The destination has a fence of its own. */
const neverAsked = (): Promise<never> => Promise.reject(new Error('It was asked.'));
const [A, B] = [id('a'), id('b')];
const everyState: CadenceBounds = { batchBytesMax: 1, intervalMsMin: 0, intervalMsMax: 0 };
const atTheEnd: CadenceBounds = { batchBytesMax: 1e9, intervalMsMin: 1e6, intervalMsMax: 1e6 };

interface Run {
  readonly echoes: Echo[];
  readonly error: SyncError | undefined;
}

interface Options {
  readonly cadence?: CadenceBounds;
  readonly catalog?: ConfiguredCatalog;
  readonly at?: number;
  readonly syncNo?: number;
  readonly faults?: MemoryFaults;
  readonly drain?: AbortSignal;
  readonly abort?: AbortSignal;
  readonly bounds?: TailBounds;
  readonly rowsMin?: number;
}

async function run(store: MemoryStore, items: AsyncIterable<Item>, o: Options = {}): Promise<Run> {
  const writer = await fromLoader(memoryDestination(store, o.faults), o.bounds).open({
    config: {},
    connection: { id: 'c', name: 'c' },
    catalog: o.catalog ?? catalogOf(configured(A), configured(B)),
    epoch: { syncNo: o.syncNo ?? 1, at: o.at ?? 1 },
    from: [],
    adopt: false,
    cadence: o.cadence ?? everyState,
    rowsMin: o.rowsMin ?? 0,
    permit: neverAsked,
    drain: o.drain ?? new AbortController().signal,
    abort: o.abort ?? new AbortController().signal,
  });
  const echoes: Echo[] = [];
  try {
    for await (const echo of writer.write(items)) echoes.push(echo);
    return { echoes, error: undefined };
  } catch (error) {
    if (error instanceof SyncError) return { echoes, error };
    throw error;
  } finally {
    await writer.close();
  }
}

async function* from(items: readonly Item[]): AsyncGenerator<Item> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

const failure = {
  kind: 'transient_error',
  origin: 'source',
  message: 'The network dropped.',
} as const;

test('commits up to state B when the source crashes before C, and resumes there: each record once', async () => {
  const store = memoryStore();
  const first = await run(
    store,
    from([
      block(A, 1, 3),
      streamState(A, 'A', 3),
      block(A, 4, 6),
      streamState(A, 'B', 3),
      block(A, 7, 8),
      end({ failure }),
    ]),
  );
  expect(first.error).toMatchObject(failure);
  expect(numbers(store.rows.get(A))).toEqual([1, 2, 3, 4, 5, 6]);
  expect(store.checkpoints.get(A)?.state?.stream?.stream_state).toBe('B');

  const second = await run(store, from([block(A, 7, 10), streamState(A, 'C', 4), end()]), {
    at: 2,
  });
  expect(second.error).toBeUndefined();
  expect(numbers(store.rows.get(A))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(store.checkpoints.get(A)).toMatchObject({ records: 10, seq: 3, epoch: { at: 2 } });
});

test('committing A publishes no row of B that no state covers', async () => {
  const store = memoryStore();
  const { error } = await run(
    store,
    from([block(B, 1, 5), block(A, 1, 2), streamState(A, 1, 2), end({ failure })]),
  );
  expect(error).toMatchObject(failure);
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
  expect(store.rows.get(B)).toBeUndefined();
});

test('the first echo of a commit says why it was made and what commits cost', async () => {
  const { echoes } = await run(
    memoryStore(),
    from([block(A, 1, 2), streamState(A, 1, 2), block(B, 1, 2), streamState(B, 1, 2), end()]),
    { cadence: { batchBytesMax: 1, intervalMsMin: 60_000, intervalMsMax: 60_000 } },
  );
  expect(echoes.map(({ cadence }) => [cadence?.why, cadence?.commits])).toEqual([
    ['batch full', 1],
    ['batch full', 2],
  ]);
  const ended = await run(
    memoryStore(),
    from([block(A, 1, 2), streamState(A, 1, 2), block(B, 1, 2), streamState(B, 1, 2), end()]),
    { cadence: { batchBytesMax: 1e9, intervalMsMin: 60_000, intervalMsMax: 60_000 } },
  );
  expect(ended.echoes.map(({ cadence }) => cadence?.why)).toEqual(['end', undefined]);
  expect(ended.echoes[0]?.cadence).toMatchObject({ commits: 1, intervalMs: 60_000 });
});

test('a GLOBAL state covers every stream before it', async () => {
  const store = memoryStore();
  await run(
    store,
    from([block(A, 1, 2), block(B, 1, 3), globalState(1, 5), block(A, 3, 4), end({ failure })]),
  );
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
  expect(numbers(store.rows.get(B))).toEqual([1, 2, 3]);
  expect(store.checkpoints.get('*')).toMatchObject({
    records: 5,
    byStream: { a: { records: 2 }, b: { records: 3 } },
  });
});

test('a state whose count disagrees with what came does not become a checkpoint', async () => {
  const store = memoryStore();
  const { error, echoes } = await run(store, from([block(A, 1, 2), streamState(A, 'x', 3), end()]));
  expect(error).toMatchObject({
    code: 'counts_disagree',
    origin: 'source',
    stream: A,
    place: 'scope a: the state says 3, received 2; state "x"',
    facts: { claimed: 3, received: 2 },
  });
  expect(echoes).toEqual([]);
  expect(store.commits).toBe(0);
});

test('a destination that counts other rows fails the attempt and echoes nothing', async () => {
  const store = memoryStore();
  const { error, echoes } = await run(store, from([block(A, 1, 2), streamState(A, 'x'), end()]), {
    faults: { rows: (_, records) => records - 1 },
  });
  expect(error).toMatchObject({
    code: 'counts_disagree',
    origin: 'destination',
    remedy: expect.stringContaining('is committed all the same') as string,
  });
  expect(echoes).toEqual([]);
});

test('a part that holds other records than it was given fails before anything is committed', async () => {
  const store = memoryStore();
  const { error } = await run(store, from([block(A, 1, 2), streamState(A, 'x'), end()]), {
    faults: { sealed: (records) => records + 1 },
  });
  expect(error).toMatchObject({
    code: 'counts_disagree',
    origin: 'destination',
    remedy: expect.stringContaining('Nothing of this batch was committed') as string,
  });
  expect(store.commits).toBe(0);
});

test('exit 0 with uncovered records of an incremental stream is no success', async () => {
  const store = memoryStore();
  const { error } = await run(
    store,
    from([block(A, 1, 2), streamState(A, 'x'), block(A, 3, 4), end()]),
  );
  expect(error).toMatchObject({ kind: 'system_error', origin: 'source', place: 'a: 2 records' });
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
});

test('exit 0 with a stream that is INCOMPLETE or untold is no success', async () => {
  const items = [status(A, 'COMPLETE'), end({ statuses: { [A]: 'COMPLETE', [B]: 'INCOMPLETE' } })];
  const incomplete = await run(memoryStore(), from(items));
  expect(incomplete.error).toMatchObject({ origin: 'source', place: 'b: INCOMPLETE' });
  const untold = await run(memoryStore(), from([end({ statuses: { [A]: 'COMPLETE' } })]));
  expect(untold.error).toMatchObject({ place: 'b: no status' });
});

test('a stream that the source says failed is told with that failure, one that a retry may mend first', async () => {
  const failed = (kind: SyncFailure['kind'], message: string): SyncFailure => ({
    kind,
    origin: 'source',
    message,
  });
  const refused = failed('config_error', 'No permission for a.');
  const dropped = failed('transient_error', 'The network dropped at b.');
  const statuses = { [A]: 'INCOMPLETE', [B]: 'COMPLETE' } as const;
  const one = await run(memoryStore(), from([end({ statuses, streamFailures: { [A]: refused } })]));
  expect(one.error).toMatchObject(refused);
  const both = await run(
    memoryStore(),
    from([
      end({
        statuses: { [A]: 'INCOMPLETE', [B]: 'INCOMPLETE' },
        streamFailures: { [A]: refused, [B]: dropped },
      }),
    ]),
  );
  expect(both.error).toMatchObject(dropped);
  const untold = await run(
    memoryStore(),
    from([
      end({ statuses: { [A]: 'INCOMPLETE', [B]: 'INCOMPLETE' }, streamFailures: { [A]: refused } }),
    ]),
  );
  expect(untold.error).toMatchObject({ kind: 'system_error', place: expect.stringContaining('b') });
});

test('a full refresh without states is committed only when the stream is complete', async () => {
  const catalog = catalogOf(configured(A, 'full_refresh'), configured(B, 'full_refresh'));
  const store = memoryStore();
  const first = await run(
    store,
    from([block(A, 1, 3), status(A, 'COMPLETE'), block(B, 1, 2), end({ failure })]),
    { catalog },
  );
  expect(first.error).toMatchObject(failure);
  expect(numbers(store.rows.get(A))).toEqual([1, 2, 3]);
  expect(store.rows.get(B)).toBeUndefined();
  expect(store.checkpoints.get(A)).toMatchObject({ state: null, complete: true, records: 3 });

  const second = await run(store, from([block(B, 1, 4), end()]), {
    catalog: catalogOf(configured(B, 'full_refresh')),
    at: 2,
  });
  expect(second.error).toBeUndefined();
  expect(numbers(store.rows.get(B))).toEqual([1, 2, 3, 4]);
});

test('a drain commits what states cover, drops the tail and returns without the END', async () => {
  const store = memoryStore();
  const draining = new AbortController();
  const pipe = createPipe({ bytesMax: 1e6 });
  const running = run(store, pipe.items(), { cadence: atTheEnd, drain: draining.signal });
  const tail = block(A, 3, 9);
  await pipe.push(block(A, 1, 2));
  await pipe.push(streamState(A, 'x'));
  await pipe.push(tail);
  while (tail.released() === 0) await new Promise((resolve) => setImmediate(resolve));
  draining.abort();
  const { echoes, error } = await running;
  expect(error).toBeUndefined();
  expect(echoes.map((echo) => echo.checkpoint.scope)).toEqual([A]);
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
  expect(pipe.closed.aborted).toBe(true);
});

test('a covered state is committed by time when the source falls silent', async () => {
  const store = memoryStore();
  const pipe = createPipe({ bytesMax: 1e6 });
  const draining = new AbortController();
  const running = run(store, pipe.items(), {
    cadence: { batchBytesMax: 1e9, intervalMsMin: 20, intervalMsMax: 20 },
    drain: draining.signal,
  });
  await pipe.push(block(A, 1, 2));
  await pipe.push(streamState(A, 'x'));
  while (store.commits === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  draining.abort();
  expect((await running).echoes).toHaveLength(1);
});

test('a state is committed though records follow it that no state covers, few or many', async () => {
  for (const last of [6, 20]) {
    const store = memoryStore();
    const pipe = createPipe({ bytesMax: 1e6 });
    const draining = new AbortController();
    const running = run(store, pipe.items(), {
      cadence: { batchBytesMax: 1e9, intervalMsMin: 20, intervalMsMax: 20 },
      bounds: { streamBytesMax: 200, totalBytesMax: 1e9 },
      drain: draining.signal,
    });
    for (const item of [block(A, 1, 5), streamState(A, 'x'), block(A, 6, last)])
      await pipe.push(item);
    // The source is slow from here on.
    while (store.commits === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(numbers(store.rows.get(A))).toEqual([1, 2, 3, 4, 5]);
    for (const item of [streamState(A, 'y', last - 5), end()]) await pipe.push(item);
    while (store.commits === 1) await new Promise((resolve) => setTimeout(resolve, 5));
    draining.abort();
    expect((await running).error).toBeUndefined();
    expect(numbers(store.rows.get(A))).toEqual(upTo(last));
  }
});

test('a commit takes what states cover and keeps the tail for the next', async () => {
  const store = memoryStore();
  const seen: number[][] = [];
  const items = [
    block(A, 1, 3),
    streamState(A, 3),
    block(A, 4, 4),
    streamState(A, 4),
    block(A, 5, 5),
    block(B, 1, 30),
    streamState(B, 30),
    block(A, 6, 6),
    streamState(A, 6),
    end(),
  ];
  const { error } = await run(store, from(items), {
    cadence: { ...atTheEnd, batchBytesMax: 1_500 },
    faults: { commit: (when) => when === 'after' && seen.push(numbers(store.rows.get(A))) },
  });
  expect(error).toBeUndefined();
  expect(seen).toEqual([upTo(4), upTo(6)]);
});

test('a source that breaks its word after a state loses nothing of what the state covers', async () => {
  const store = memoryStore();
  const { error, echoes } = await run(
    store,
    from([block(A, 1, 2), streamState(A, 'x', 2), block(A, 3, 3), streamState(A, 'y', 9), end()]),
    { cadence: atTheEnd },
  );
  expect(error).toMatchObject({ code: 'counts_disagree' });
  expect(echoes).toHaveLength(1);
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
});

test('what no state covers cannot spoil the last commit', async () => {
  const store = memoryStore();
  const faults: MemoryFaults = {
    append(line) {
      if (line.includes('"id":3}'))
        throw new SyncError('system_error', 'Unreadable.', { origin: 'source' });
    },
  };
  const items = [block(A, 1, 2), streamState(A, 'x', 2), block(A, 3, 3), end({ failure })];
  const { error } = await run(store, from(items), { faults, cadence: atTheEnd });
  expect(error).toMatchObject(failure);
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
});

test('a state that cannot cover one of its streams covers none of them', async () => {
  const store = memoryStore();
  const faults: MemoryFaults = {
    append(line) {
      if (line.includes('"stream":"b","data":{"id":3}'))
        throw new SyncError('system_error', 'Unreadable.', { origin: 'source' });
    },
  };
  const items = [
    block(A, 1, 2),
    block(B, 1, 2),
    globalState('X', 4),
    block(A, 3, 3),
    block(B, 3, 3),
    globalState('Y', 2),
  ];
  const { error } = await run(store, from(items), { faults, cadence: atTheEnd });
  expect(error).toMatchObject({ message: 'Unreadable.' });
  expect(store.checkpoints.get('*')?.state?.global?.shared_state).toBe('X');
  expect(numbers(store.rows.get(A))).toEqual([1, 2]);
  expect(numbers(store.rows.get(B))).toEqual([1, 2]);
});

test('an abort ends at once and commits nothing more', async () => {
  const store = memoryStore();
  const pipe = createPipe({ bytesMax: 1e6 });
  const aborting = new AbortController();
  const running = run(store, pipe.items(), { cadence: atTheEnd, abort: aborting.signal });
  await pipe.push(block(A, 1, 2));
  await pipe.push(streamState(A, 'x'));
  aborting.abort(
    new SyncError('transient_error', 'Stopped.', { origin: 'tidemark', code: 'aborted' }),
  );
  expect((await running).error).toMatchObject({ code: 'aborted' });
  expect(store.commits).toBe(0);
});

test('every block is released once, whatever happens to it', async () => {
  const blocks = [block(A, 1, 2), block(id('unknown'), 1, 1), block(A, 3, 3)];
  const { error } = await run(memoryStore(), from(blocks.slice(0, 2)));
  expect(error).toMatchObject({ origin: 'source', stream: 'unknown' });
  expect(blocks.map((one) => one.released())).toEqual([1, 1, 0]);
});

test('a state of a stream that was not asked for covers nothing and harms nothing', async () => {
  const store = memoryStore();
  const { error, echoes } = await run(
    store,
    from([streamState(id('other'), 1, 7), block(A, 1, 1), streamState(A, 1, 1), end()]),
  );
  expect(error).toBeUndefined();
  expect(echoes.map(({ checkpoint }) => checkpoint.scope)).toEqual([A]);
});

test('refuses a source that mixes kinds of state, or changes kind between syncs', async () => {
  const store = memoryStore();
  const mixed = await run(store, from([streamState(A, 1), globalState(1), end()]));
  expect(mixed.error).toMatchObject({ kind: 'system_error', origin: 'source' });
  const changed = await run(store, from([globalState(1), end()]), { at: 2 });
  expect(changed.error).toMatchObject({
    kind: 'config_error',
    facts: { held: 'STREAM', next: 'GLOBAL' },
  });
});

/** A script for a source that counts: stream s sends records 1…n; its state is the number sent so far. */
type Step = { stream: 0 | 1; records: number; state: boolean };
const step: fc.Arbitrary<Step> = fc.record({
  stream: fc.constantFrom(0 as const, 1 as const),
  records: fc.integer({ min: 0, max: 4 }),
  state: fc.boolean(),
});

/** The source's items from `sent` on, cut at `stop` steps; resumes exactly. */
function script(
  steps: readonly Step[],
  sent: readonly number[],
  stop: number,
  global: boolean,
): Item[] {
  const streams = [A, B];
  const at = [0, 0];
  const since = [0, 0];
  const items: Item[] = [];
  for (const { stream, records, state } of steps.slice(0, stop)) {
    const first = Math.max(at[stream]! + 1, sent[stream]! + 1);
    at[stream]! += records;
    if (first <= at[stream]!) {
      items.push(block(streams[stream]!, first, at[stream]!));
      since[stream]! += at[stream]! - first + 1;
    }
    // A source that resumes exactly does not repeat the states it was past.
    const behind = (n: number): boolean => at[n]! < sent[n]!;
    if (!state || (global ? behind(0) || behind(1) : behind(stream))) continue;
    if (global) items.push(globalState([...at], since[0]! + since[1]!));
    else items.push(streamState(streams[stream]!, at[stream]!, since[stream]!));
    if (global) since.fill(0);
    since[stream] = 0;
  }
  return items;
}

function resumePoint(store: MemoryStore, global: boolean): number[] {
  if (global)
    return (store.checkpoints.get('*')?.state?.global?.shared_state as number[]) ?? [0, 0];
  return [A, B].map(
    (s: StreamId) =>
      (store.checkpoints.get(s)?.state?.stream?.stream_state as number | undefined) ?? 0,
  );
}

test('whatever the interleaving, cadence and crashes: rows are exactly what the checkpoints say, and nothing is lost or doubled', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 30 }),
      fc.array(fc.record({ stop: fc.nat(30), lost: fc.constantFrom('no', 'before', 'after') }), {
        maxLength: 4,
      }),
      fc.boolean(),
      fc.constantFrom(
        everyState,
        atTheEnd,
        { ...atTheEnd, batchBytesMax: 300 },
        { ...atTheEnd, batchBytesMax: 1500 },
      ),
      fc.constantFrom(
        defaultTailBounds,
        { streamBytesMax: 1, totalBytesMax: 1e9 },
        { streamBytesMax: 200, totalBytesMax: 1e9 },
        { streamBytesMax: 1e9, totalBytesMax: 300 },
      ),
      async (steps, crashes, global, cadence, bounds) => {
        const store = memoryStore();
        let at = 0;
        for (const { stop, lost } of crashes) {
          const faults: MemoryFaults = {
            commit(when) {
              if (when === lost)
                throw new SyncError('transient_error', 'Cut.', { origin: 'destination' });
            },
          };
          const items = [
            ...script(steps, resumePoint(store, global), stop, global),
            end({ failure }),
          ];
          await run(store, from(items), { at: ++at, faults, cadence, bounds });
          const point = resumePoint(store, global);
          // Invariants 1 and 3: rows and checkpoint moved together.
          expect(numbers(store.rows.get(A))).toEqual(upTo(point[0]!));
          expect(numbers(store.rows.get(B))).toEqual(upTo(point[1]!));
        }
        const whole = steps.concat(
          { stream: 0, records: 0, state: true },
          { stream: 1, records: 0, state: true },
        );
        const rest = script(whole, resumePoint(store, global), whole.length, global);
        const last = await run(store, from([...rest, end()]), { at: ++at, cadence, bounds });
        expect(last.error).toBeUndefined();
        for (const [n, stream] of [A, B].entries()) {
          const total = steps.filter((s) => s.stream === n).reduce((sum, s) => sum + s.records, 0);
          expect(numbers(store.rows.get(stream))).toEqual(upTo(total));
        }
      },
    ),
    { numRuns: 500 },
  );
});

function upTo(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i + 1);
}
