import {
  partId,
  streamId,
  SyncError,
  type Block,
  type Checkpoint,
  type ConfiguredStream,
  type DestinationSyncMode,
  type Epoch,
  type JsonObject,
  type Loader,
  type LoaderDestination,
  type OpenInput,
  type Receipt,
  type Scope,
  type SealedPart,
  type StreamId,
} from '../../protocol/index.ts';

/** A row read back, each value as the system writes it as text. */
export type TextRow = Readonly<Record<string, string | null>>;

/** A destination under test, and an independent way to look inside. */
export interface Harness<C = JsonObject> {
  readonly destination: LoaderDestination<C>;
  readonly config: C;
  /** The schema that `config` names, or the default. */
  readonly schema: string;
  /** Configs that a person must mend, by what is wrong with them. */
  readonly broken: Readonly<Record<string, C>>;
  /** Runs SQL on a connection of its own; every value comes back as text. */
  query(sql: string): Promise<readonly TextRow[]>;
  drop(): Promise<void>;
}

/** What a destination can do beyond what all must: the suites ask nothing else of it. */
export interface Offers {
  /** `append_dedup`. */
  readonly dedup: boolean;
  /** Typed columns: values that do not fit are NULL. */
  readonly typed: boolean;
  /** Tables: others may have made some, and a person chooses their names and columns. */
  readonly tables: boolean;
  /** The longest numerals that it keeps: within JSON, and in a column of numbers. Absent: any. */
  readonly numerals?: { readonly json?: string; readonly column?: string };
  /** False: no punctuation in names, and none at all in those of schemas. Absent: true. */
  readonly anyName?: boolean;
}

/** The other schema that the suites make, beside the harness' own. */
export const zoneOf = (schema: string, { anyName }: Pick<Offers, 'anyName'> = {}): string =>
  `${schema}${anyName === false ? '_' : ' '}Zone`;

/** The same server, said otherwise. */
export function changedUrl(url: string, change: (url: URL) => void): { readonly url: string } {
  const changed = new URL(url);
  change(changed);
  return { url: changed.href };
}

export const database: Offers = { dedup: true, typed: true, tables: true };

/** `test` where the destination offers what the tests are about; else they are no tests of it. */
export function testIf(offered: boolean): typeof test {
  const none = Object.assign(() => undefined, { each: () => () => undefined });
  return offered ? test : (none as unknown as typeof test);
}

export const never: AbortSignal = new AbortController().signal;
export const connection = { id: '7b7a3b43-5f05-4c9d-8f5c-0a3c54f0a001', name: 'shop' };

const nullable = (type: string, format?: string): JsonObject => ({
  type: ['null', type],
  ...(format !== undefined && { format }),
});

/** One column of each kind. */
export const schema: JsonObject = {
  type: 'object',
  properties: {
    id: nullable('integer'),
    name: nullable('string'),
    big: { type: ['null', 'integer'], airbyte_type: 'big_integer' },
    price: nullable('number'),
    ok: nullable('boolean'),
    day: nullable('string', 'date'),
    seen_at: nullable('string', 'date-time'),
    local: { type: 'string', format: 'date-time', airbyte_type: 'timestamp_without_timezone' },
    clock: nullable('string', 'time'),
    doc: { type: ['null', 'object'] },
    list: { type: ['null', 'array'] },
    _ab_cdc_deleted_at: nullable('string'),
  },
};

export function stream(
  name: string,
  mode: DestinationSyncMode = 'append',
  more: Partial<ConfiguredStream> = {},
): ConfiguredStream {
  return {
    stream: { name, json_schema: schema },
    sync_mode: 'incremental',
    destination_sync_mode: mode,
    primary_key: [['id']],
    generation_id: 3,
    minimum_generation_id: 0,
    sync_id: 7,
    ...more,
  };
}

/** `data`: JSON texts, so that numbers stay as they are written. */
export function block(name: string, data: readonly (string | Buffer)[]): Block {
  const lines = data.map((one) =>
    Buffer.concat([
      Buffer.from(`{"type":"RECORD","record":{"stream":"${name}","data":`),
      Buffer.from(one),
      Buffer.from(',"emitted_at":1700000000123}}\n'),
    ]),
  );
  return rawBlock(name, lines);
}

export function rawBlock(name: string, lines: readonly (string | Buffer)[]): Block {
  return {
    type: 'BLOCK',
    stream: streamId({ name }),
    encoding: 'jsonl',
    records: lines.length,
    bytes: new Uint8Array(Buffer.concat(lines.map((line) => Buffer.from(line)))),
    release: () => undefined,
  };
}

export const epoch = (syncNo: number, at = 1000): Epoch => ({ syncNo, at });

export function checkpoint(
  scope: string,
  seq: number,
  cursor: number,
  more: Partial<Checkpoint> = {},
): Checkpoint {
  return {
    scope: scope as Scope,
    edition: 0,
    epoch: epoch(1),
    seq,
    state: {
      type: 'STREAM',
      stream: { stream_descriptor: { name: scope }, stream_state: { cursor } },
    },
    records: seq,
    bytes: seq * 10,
    committedAt: '2024-05-06T07:08:09.000Z',
    ...more,
  };
}

/** The SyncError that the work must end with. */
export const failure = async (work: Promise<unknown>): Promise<SyncError> => {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (error instanceof SyncError) return error;
  throw new Error(`A SyncError was expected, not ${String(error)}`, { cause: error });
};

/** The cursor that `checkpoint` put into a state. */
export const cursorOf = (held: readonly Checkpoint[] | null, scope: string): unknown =>
  (held ?? []).find((c) => c.scope === scope)?.state?.stream?.stream_state;

export interface Session {
  readonly loader: Loader;
  readonly held: readonly Checkpoint[] | null;
  /** Appends and covers. */
  readonly sealed: (name: string, data: readonly (string | Buffer)[]) => Promise<SealedPart>;
  /** Appends, covers, seals and commits with one checkpoint. */
  readonly load: (
    name: string,
    data: readonly (string | Buffer)[],
    at: Checkpoint,
  ) => Promise<Receipt>;
}

export type OpenOptions = Partial<Omit<OpenInput, 'catalog'>> & {
  readonly streams?: readonly ConfiguredStream[];
};

/** Opens loaders on a harness and closes all of them at the end. */
export class Sessions<C> {
  readonly #harness: Harness<C>;
  readonly #loaders: Loader[] = [];
  #parts = 0;

  constructor(harness: Harness<C>) {
    this.#harness = harness;
  }

  async open({ streams = [stream('orders')], ...options }: OpenOptions = {}): Promise<Session> {
    const loader = this.#harness.destination.loader(this.#harness.config);
    this.#loaders.push(loader);
    const input: OpenInput = {
      connection,
      epoch: epoch(1),
      from: [],
      adopt: false,
      rowsMin: 0,
      abort: never,
      ...options,
      catalog: { streams },
    };
    const held = await loader.open(input);
    const sealed: Session['sealed'] = async (name, data) => {
      this.#parts += 1;
      const id: StreamId = streamId({ name });
      const part = await loader.part(id, partId(input.epoch, this.#parts));
      const given = block(name, data);
      await part.append(given, never);
      // Its bytes are its source's again: they may lie in a buffer that is filled anew.
      given.bytes.fill(0x23);
      part.cover();
      return part.seal();
    };
    return {
      loader,
      held,
      sealed,
      load: async (name, data, at) => loader.commit([await sealed(name, data)], [at], never),
    };
  }

  async close(): Promise<void> {
    for (const loader of this.#loaders) await loader.close();
  }
}
