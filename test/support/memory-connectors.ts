import { fromLoader } from '../../engine/writer.ts';
import type { Connectors } from '../../activities/deps.ts';
import {
  streamId,
  SyncError,
  type ConnectorRef,
  type Destination,
  type Item,
  type Json,
  type JsonObject,
  type LoaderDestination,
  type ReadInput,
  type Source,
  type StateMessage,
  type StreamId,
} from '../../protocol/index.ts';
import { block, end, status, streamState } from './items.ts';
import {
  memoryDestination,
  memoryStore,
  type MemoryFaults,
  type MemoryStore,
} from './memory-loader.ts';

// Both ends of syncs in this process: a source that resumes exactly, and a destination whose rows and checkpoints change in one step.

/** Stands in the configs of both ends; it must never appear in a history. */
export const secret = 'hunter2-super-secret';

/** One source and one destination, named in a connection's configs by `world`. */
export interface World {
  readonly id: string;
  /** Records by stream, numbered from 1; may grow between syncs. */
  streams: Record<string, number>;
  /** Says after which records a state follows; one always follows the last. */
  hasState(n: number): boolean;
  /** The state after a record; its `id` is the record's number. */
  stateOf(stream: string, n: number): { readonly id: number; readonly [key: string]: Json };
  fullRefresh: boolean;
  /** Types of the fields beside `id`. */
  fields: Record<string, string>;
  /** Called before each record; waits to slow the source down, throws to fail it. */
  beforeRecord(stream: string, n: number, input: ReadInput<JsonObject>): Promise<void> | void;
  /** What the source says before each record. */
  says(stream: string, n: number): readonly Item[];
  /** Called when the destination is opened; throws to refuse. */
  beforeOpen(): Promise<void> | void;
  /** Called before each commit; waits to block the destination. */
  beforeCommit(): Promise<void> | void;
  check(end: 'source' | 'destination'): Promise<void> | void;
  /** Keeps no checkpoints and has no fence. */
  withoutTable: boolean;
  readonly store: MemoryStore;
  readonly faults: MemoryFaults;
  /** The states that each read began from. */
  readonly reads: (readonly StateMessage[])[];
  /** States that came back to the source as checkpoints. */
  readonly acknowledged: StateMessage[];
  /** First and last number of the records of each read. */
  readonly sent: Record<string, number[]>[];
}

export function createWorld(id: string, parts: Partial<World> = {}): World {
  return {
    id,
    streams: { orders: 10 },
    hasState: (n) => n % 5 === 0,
    stateOf: (_, n) => ({ id: n }),
    fullRefresh: false,
    fields: {},
    beforeRecord: () => undefined,
    says: () => [],
    beforeOpen: () => undefined,
    beforeCommit: () => undefined,
    check: () => undefined,
    withoutTable: false,
    store: memoryStore(),
    faults: {},
    reads: [],
    acknowledged: [],
    sent: [],
    ...parts,
  };
}

const cursorOf = (states: readonly StateMessage[], stream: StreamId): number => {
  const found = states.find(({ state }) => state.stream?.stream_descriptor.name === stream);
  const cursor = (found?.state.stream?.stream_state as { id?: number } | undefined)?.id;
  return cursor ?? 0;
};

function memorySource(world: World): Source<JsonObject> {
  return {
    spec: { connectionSpecification: { type: 'object' } },
    check: async () => world.check('source'),
    discover: async () => ({
      streams: Object.keys(world.streams).map((name) => ({
        name,
        json_schema: {
          type: 'object',
          properties: Object.fromEntries(
            Object.entries({ id: 'integer', ...world.fields }).map(([name, type]) => [
              name,
              { type: ['null', type] },
            ]),
          ),
        },
        supported_sync_modes: world.fullRefresh
          ? (['full_refresh'] as const)
          : (['full_refresh', 'incremental'] as const),
        source_defined_cursor: !world.fullRefresh,
      })),
    }),
    read: (input) => readWorld(world, input),
  };
}

async function* readWorld(world: World, input: ReadInput<JsonObject>): AsyncGenerator<Item> {
  world.reads.push(input.state);
  const sent: Record<string, number[]> = {};
  world.sent.push(sent);
  void (async () => {
    for await (const state of input.checkpoints) world.acknowledged.push(state);
  })();
  try {
    for (const { stream } of input.catalog.streams) {
      const id = streamId(stream);
      for (let n = cursorOf(input.state, id) + 1; n <= world.streams[stream.name]!; n += 1) {
        yield* world.says(stream.name, n);
        await world.beforeRecord(stream.name, n, input);
        if (input.abort.aborted) return;
        if (input.drain.aborted) {
          yield end({ drained: true });
          return;
        }
        (sent[stream.name] ??= []).push(n);
        yield block(id, n, n);
        const isLast = n === world.streams[stream.name];
        if (!world.fullRefresh && (world.hasState(n) || isLast))
          yield streamState(id, world.stateOf(stream.name, n));
      }
      yield status(id, 'COMPLETE');
    }
    yield end({
      statuses: Object.fromEntries(
        input.catalog.streams.map(({ stream }) => [streamId(stream), 'COMPLETE' as const]),
      ),
    });
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    yield end({ failure: error.toFailure() });
  }
}

/** Takes bare edits in, as a real table of checkpoints does. */
function memoryTarget(world: World): Destination<JsonObject> {
  const plain = memoryDestination(world.store, world.faults);
  const native: LoaderDestination<JsonObject> = {
    spec: plain.spec,
    check: async () => world.check('destination'),
    loader() {
      const loader = plain.loader({});
      return {
        ...loader,
        async commit(...args) {
          await world.beforeCommit();
          return loader.commit(...args);
        },
        async open(input) {
          await world.beforeOpen();
          const { checkpoints } = world.store;
          for (const checkpoint of input.from) {
            const edition = checkpoints.get(checkpoint.scope)?.edition ?? 0;
            if (checkpoint.seq === 0 && checkpoint.edition > edition)
              checkpoints.set(checkpoint.scope, checkpoint);
          }
          // Without a fence of its own an older writer may still write.
          if (world.withoutTable) world.store.epoch = null;
          const held = await loader.open(input);
          if (world.withoutTable) world.store.epoch = null;
          return world.withoutTable ? null : held;
        },
      };
    },
  };
  return fromLoader(native);
}

const sources = ['memory-source'];
/** The second is bound to its host. */
const destinations = ['memory-destination', 'memory-file'];

/** Finds worlds by the `world` of a config. Resolves `${env:PASSWORD}` and masks it, as a worker does. */
export function memoryConnectors(worlds: ReadonlyMap<string, World>): Connectors {
  const worldOf = ({ connector, config }: ConnectorRef, wanted: readonly string[]): World => {
    const world = worlds.get(config['world'] as string);
    if (wanted.includes(connector) && world !== undefined) return world;
    throw new SyncError('config_error', 'There is no such connector.', {
      origin: wanted === sources ? 'source' : 'destination',
      place: connector,
      remedy: `Use ${wanted.join(' or ')}.`,
    });
  };
  const resolved = (config: JsonObject): JsonObject => ({ ...config, password: secret });
  return {
    openSource: async (ref) => ({
      source: memorySource(worldOf(ref, sources)),
      config: resolved(ref.config),
    }),
    openDestination: async (ref) => ({
      destination: memoryTarget(worldOf(ref, destinations)),
      config: resolved(ref.config),
    }),
    list: () => [
      { name: 'memory-source', kind: 'source', runner: 'native', detail: 'in this process' },
      ...destinations.map((name) => ({
        name,
        kind: 'destination' as const,
        runner: 'native' as const,
        detail: 'in this process',
      })),
    ],
    spec: async (name) => ({ connectionSpecification: {}, host_bound: name === 'memory-file' }),
    logs: async (connection, lines) => `last ${lines} lines of ${connection}, password ${secret}`,
    redact: (text) => text.replaceAll(secret, '***'),
  };
}
