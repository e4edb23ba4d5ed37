import {
  streamId,
  SyncError,
  type Catalog,
  type ConfiguredCatalog,
  type End,
  type Item,
  type Source,
  type StateMessage,
  type StreamDescriptor,
} from '../../protocol/index.ts';
import { never } from './harness.ts';

/** A source under test, with records that stay the same while a test runs. */
export interface SourceHarness<C> {
  readonly source: Source<C>;
  readonly config: C;
  /** Configs that a person must mend, by what is wrong with them. */
  readonly broken: Readonly<Record<string, C>>;
  /** Records of each stream, by name. Of one at least there must be several states. */
  readonly records: Readonly<Record<string, number>>;
  /** Of streams that a person chooses a cursor for; such streams without one are read in full. */
  readonly cursors?: Readonly<Record<string, string>>;
  drop(): Promise<void>;
}

interface ReadOptions {
  readonly state?: readonly StateMessage[];
  readonly drain?: AbortSignal;
  readonly abort?: AbortSignal;
  on?(item: Item): void;
}

interface Outcome {
  /** The data of each record as text, in order, by stream. */
  readonly records: Readonly<Record<string, readonly string[]>>;
  /** Each with the number of its stream's records before it. */
  readonly states: readonly { readonly state: StateMessage; readonly covers: number }[];
  readonly end: End;
}

/** States that a test resumes from, of all that there are. */
const resumedMax = 3;

const configured = (
  { streams }: Catalog,
  cursors: Readonly<Record<string, string>>,
): ConfiguredCatalog => ({
  streams: streams.map((stream) => {
    const cursor = cursors[stream.name];
    const isChosen = stream.source_defined_cursor === false;
    const modes = isChosen && cursor === undefined ? undefined : stream.supported_sync_modes;
    return {
      ...{ stream, sync_mode: modes?.at(-1) ?? 'full_refresh', destination_sync_mode: 'append' },
      ...(cursor !== undefined && { cursor_field: [cursor] }),
      ...{ generation_id: 0, minimum_generation_id: 0, sync_id: 1 },
    };
  }),
});

/** What every source must do that sends states of streams: the definition of such a source. */
export function sourceSuite<C>(options: {
  readonly name: string;
  create(): Promise<SourceHarness<C>>;
}): void {
  describe(`${options.name} as a source`, () => {
    let harness: SourceHarness<C>;
    let catalog: Catalog;
    let whole: Outcome;
    beforeAll(async () => {
      harness = await options.create();
      catalog = await harness.source.discover(harness.config, never);
      whole = await read();
    });
    afterAll(() => harness.drop());

    function items({ state = [], drain = never, abort = never }: ReadOptions): AsyncIterable<Item> {
      return harness.source.read({
        catalog: configured(catalog, harness.cursors ?? {}),
        ...{ config: harness.config, state, drain, abort },
        accepts: () => ['jsonl'],
        checkpoints: { async *[Symbol.asyncIterator]() {} },
      });
    }

    async function read(given: ReadOptions = {}): Promise<Outcome> {
      const records: Record<string, string[]> = {};
      const states: { state: StateMessage; covers: number }[] = [];
      let end: End | null = null;
      for await (const item of items(given)) {
        expect(end).toBeNull();
        if (item.type === 'END') end = item;
        if (item.type === 'STATE')
          states.push({ state: item, covers: records[nameIn(item)]?.length ?? 0 });
        if (item.type === 'BLOCK') {
          const lines = Buffer.from(item.bytes).toString('utf8').split('\n').slice(0, -1);
          expect(lines).toHaveLength(item.records);
          for (const line of lines) {
            const { descriptor, data } = recordIn(line);
            if (streamId(descriptor) !== item.stream)
              throw new Error('A record of another stream is in a block.');
            (records[descriptor.name] ??= []).push(data);
          }
          item.release();
        }
        given.on?.(item);
      }
      if (end === null) throw new Error('It did not end with END.');
      return { records, states, end };
    }

    test('check passes, and a broken config is told as one, with a remedy', async () => {
      await harness.source.check(harness.config, never);
      for (const [what, config] of Object.entries(harness.broken)) {
        const error: unknown = await harness.source.check(config, never).then(
          () => null,
          (thrown: unknown) => thrown,
        );
        if (!(error instanceof SyncError)) throw new Error(`${what}: ${String(error)}`);
        expect([what, error.kind, error.origin]).toEqual([what, 'config_error', 'source']);
        expect(error.place).toBeDefined();
        expect(error.remedy).toBeDefined();
      }
    });

    test('reads every record, counts them in its states, and says that each stream is complete', () => {
      const { records, states, end } = whole;
      const numbers = Object.entries(records).map(([name, { length }]) => [name, length]);
      expect(Object.fromEntries(numbers)).toEqual(harness.records);
      expect(end).toMatchObject({ failure: null, drained: false });
      for (const stream of catalog.streams) {
        const { name } = stream;
        expect(end.statuses[streamId(stream)]).toBe('COMPLETE');
        const own = states.filter(({ state }) => nameIn(state) === name);
        // Invariant 1 needs a state behind the last record, invariant 6 a right count where there is one.
        expect([name, own.at(-1)?.covers]).toEqual([name, harness.records[name]]);
        own.forEach(({ state, covers }, i) => {
          const count = state.state.sourceStats?.recordCount;
          if (count !== undefined) expect(count).toBe(covers - (own[i - 1]?.covers ?? 0));
        });
      }
    });

    test('goes on behind each of its states, with nothing lost or sent again', async () => {
      const [name] = largest(harness);
      const own = whole.states.filter(({ state }) => nameIn(state) === name);
      expect(own.length).toBeGreaterThan(2);
      const step = Math.ceil(own.length / resumedMax);
      for (const { state, covers } of own.filter((_, i) => i % step === 0)) {
        // As it comes back from where it was kept.
        const kept = JSON.parse(JSON.stringify(state)) as StateMessage;
        const { records, end } = await read({ state: [kept] });
        expect(end.failure).toBeNull();
        expect(records[name] ?? []).toEqual(whole.records[name]!.slice(covers));
      }
    });

    test('asked to drain it stops early and well, and what follows begins behind its last state', async () => {
      const [name, count] = largest(harness);
      const drain = new AbortController();
      const on = (item: Item): void => {
        if (item.type === 'STATE' && nameIn(item) === name) drain.abort();
      };
      const first = await read({ drain: drain.signal, on });
      expect(first.end).toMatchObject({ failure: null, drained: true });
      const last = first.states.findLast(({ state }) => nameIn(state) === name)!;
      expect(last.covers).toBeLessThan(count);
      const states = new Map(first.states.map(({ state }) => [nameIn(state), state]));
      const second = await read({ state: [...states.values()] });
      const stored = first.records[name]!.slice(0, last.covers);
      expect([...stored, ...(second.records[name] ?? [])]).toEqual(whole.records[name]);
    });

    test('aborted it ends at once, and says so', async () => {
      const abort = new AbortController();
      const on = (item: Item): void => {
        if (item.type === 'BLOCK') abort.abort();
      };
      const { end, records } = await read({ abort: abort.signal, on });
      expect(end.failure).toMatchObject({ code: 'aborted', origin: 'tidemark' });
      expect(records[largest(harness)[0]]?.length ?? 0).toBeLessThan(largest(harness)[1]);
    });

    test('left early it lets itself be read again', async () => {
      for await (const item of items({})) {
        if (item.type !== 'BLOCK') continue;
        item.release();
        break;
      }
      expect((await read()).end.failure).toBeNull();
    });
  });
}

const nameIn = ({ state }: StateMessage): string => state.stream!.stream_descriptor.name;

const largest = <C>({ records }: SourceHarness<C>): readonly [string, number] =>
  Object.entries(records).reduce((one, other) => (other[1] > one[1] ? other : one));

/** The data's text, as it stands; what is around it differs from read to read. */
function recordIn(line: string): { readonly descriptor: StreamDescriptor; readonly data: string } {
  const { type, record } = JSON.parse(line) as {
    readonly type: string;
    readonly record: { readonly stream: string; readonly namespace?: string };
  };
  if (type !== 'RECORD') throw new Error('A block holds what is no record.');
  const { stream: name, namespace } = record;
  const from = line.indexOf('"data":') + '"data":'.length;
  return {
    descriptor: { name, ...(namespace !== undefined && { namespace }) },
    data: line.slice(from, line.lastIndexOf(',"emitted_at":')),
  };
}
