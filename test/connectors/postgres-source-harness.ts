import { randomBytes } from 'node:crypto';
import type { PostgresSourceConfig } from '../../connectors/postgres/index.ts';
import { postgresSource } from '../../connectors/postgres/index.ts';
import type {
  Catalog,
  ConfiguredStream,
  End,
  Item,
  JsonObject,
  LogMessage,
  ReadInput,
  StateMessage,
  SyncFailure,
} from '../../protocol/index.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { eventually } from '../worker/eventually.ts';
import { never } from './harness.ts';

/** A database of its own, read by the source. */
export interface PostgresPlace {
  readonly database: TestDatabase;
  readonly config: PostgresSourceConfig;
  sql(statement: string): Promise<readonly JsonObject[]>;
  read(options?: ReadOptions): Promise<Outcome>;
}

export async function openPostgresPlace(): Promise<PostgresPlace> {
  const database = await testDatabase();
  const config = { url: database.url };
  return {
    ...{ database, config, sql: (statement) => database.query<JsonObject>(statement) },
    read: (options = {}) => read(config, options),
  };
}

export interface ReadOptions {
  readonly config?: Partial<PostgresSourceConfig>;
  /** Absent: what is offered now. */
  readonly catalog?: Catalog;
  readonly state?: readonly StateMessage[];
  /** Stops like a killed reader, right after so many states. */
  readonly statesMax?: number;
  /** Absent: none. */
  readonly parallelism?: number;
  /** By name; of others the whole catalog. */
  readonly streams?: readonly string[];
  /** Absent: full refresh. */
  readonly cursor?: string;
  readonly drain?: AbortSignal;
  readonly abort?: AbortSignal;
  /** Absent: none comes back. */
  readonly checkpoints?: AsyncIterable<StateMessage>;
  /** Absent: its own. */
  readonly key?: readonly string[];
  /** Told of the source's signs of life. */
  lives?(): void;
  /** Called with each item. */
  on?(item: Item): void | Promise<void>;
}

export interface Outcome {
  /** Each record's data as its text, in order. */
  readonly records: readonly string[];
  /** Those of them that a state covers. */
  readonly covered: readonly string[];
  readonly states: readonly StateMessage[];
  readonly logs: readonly string[];
  readonly items: readonly Item[];
  readonly end: End | null;
}

export async function read(
  base: PostgresSourceConfig,
  options: ReadOptions = {},
): Promise<Outcome> {
  const config = { ...base, ...options.config };
  const { statesMax = Infinity, streams } = options;
  const catalog = options.catalog ?? (await postgresSource.discover(config, never));
  const items: Item[] = [];
  const records: string[] = [];
  const states: StateMessage[] = [];
  let covered = 0;
  let counted = 0;
  let end: End | null = null;
  for await (const item of postgresSource.read(inputOf(config, catalog, options))) {
    if (item.type === 'BLOCK') {
      const lines = Buffer.from(item.bytes).toString().split('\n').slice(0, -1);
      expect(lines).toHaveLength(item.records);
      records.push(...lines.map(dataOf));
      item.release();
    }
    items.push(item.type === 'BLOCK' ? { ...item, bytes: new Uint8Array() } : item);
    await options.on?.(item);
    if (item.type === 'STATE') {
      counted += item.state.sourceStats!.recordCount!;
      expect(counted).toBe(records.length);
      covered = records.length;
      // As it comes back from a database.
      states.push(JSON.parse(JSON.stringify(item)) as StateMessage);
      if (states.length === statesMax) break;
    } else if (item.type === 'END') end = item;
  }
  expect(streams === undefined || streams.length > 0).toBe(true);
  const logs = items.flatMap((item) =>
    item.type === 'LOG' ? [(item as LogMessage).log.message] : [],
  );
  return { records, covered: records.slice(0, covered), states, logs, items, end };
}

function inputOf(
  config: PostgresSourceConfig,
  catalog: Catalog,
  options: ReadOptions,
): ReadInput<PostgresSourceConfig> {
  const { streams, cursor, state = [], drain = never, abort = never, parallelism } = options;
  const chosen = catalog.streams.filter(({ name }) => streams?.includes(name) ?? true);
  return {
    ...{ config, state, drain, abort, accepts: () => ['jsonl'] as const },
    ...(parallelism !== undefined && { parallelism }),
    catalog: {
      streams: chosen.map((stream): ConfiguredStream => ({
        ...{ stream, destination_sync_mode: 'append', sync_id: 1 },
        ...{ generation_id: 0, minimum_generation_id: 0 },
        sync_mode: cursor === undefined ? 'full_refresh' : 'incremental',
        ...(cursor !== undefined && { cursor_field: [cursor] }),
        ...(options.key !== undefined && { primary_key: options.key.map((name) => [name]) }),
      })),
    },
    checkpoints: options.checkpoints ?? { async *[Symbol.asyncIterator]() {} },
    lives: () => options.lives?.(),
  };
}

const envelope =
  /^\{"type":"RECORD","record":\{"stream":"(?:[^"\\]|\\.)*","namespace":"(?:[^"\\]|\\.)*","data":(.*),"emitted_at":\d+\}\}$/s;

function dataOf(line: string): string {
  const match = envelope.exec(line);
  if (match === null) throw new Error(`No RECORD: ${line}`);
  JSON.parse(line);
  return match[1]!;
}

/** What the read failed with; throws where it did not. */
export function failureOf({ end }: Outcome): SyncFailure {
  if (end?.failure == null) throw new Error('It did not fail.');
  return end.failure;
}

export const sorted = (texts: readonly string[]): readonly string[] => [...texts].sort();

/** Reads attempt after attempt, each killed after so many states, until one is done. What no state covers is lost with it. */
export async function readUnderKills(
  place: PostgresPlace,
  options: ReadOptions,
  kills: readonly number[],
  between: (attempt: number) => Promise<void> = async () => undefined,
): Promise<{
  readonly records: readonly string[];
  readonly states: readonly StateMessage[];
  readonly logs: readonly string[];
}> {
  const records: string[] = [];
  const logs: string[] = [];
  let state = options.state ?? [];
  for (let attempt = 0; ; attempt += 1) {
    const statesMax = kills[attempt] ?? Infinity;
    const outcome = await place.read({ ...options, state, statesMax });
    records.push(...outcome.covered);
    logs.push(...outcome.logs);
    const last = outcome.states.at(-1);
    if (last !== undefined) state = [last];
    if (outcome.end !== null) {
      expect(outcome.end.failure).toBeNull();
      return { records, states: state, logs };
    }
    await between(attempt);
  }
}

/** A config of a new user; `$` in the statements is its name. */
export async function roleIn(
  place: PostgresPlace,
  ...grants: readonly string[]
): Promise<PostgresSourceConfig> {
  const name = `reader_${randomBytes(6).toString('hex')}`;
  await place.sql(`CREATE ROLE ${name} LOGIN PASSWORD 'secret'`);
  for (const grant of grants) await place.sql(grant.replaceAll('$', name));
  const url = new URL(place.database.url);
  url.username = name;
  url.password = 'secret';
  return { url: url.href };
}

/** Sessions of readers on the server. */
export async function sessionsOf(place: PostgresPlace): Promise<number> {
  const [row] = await place.sql(
    `SELECT count(*)::int AS count FROM pg_stat_activity
     WHERE application_name = 'tidemark source' AND datname = current_database()`,
  );
  return row!['count'] as number;
}

export const freed = (place: PostgresPlace): Promise<unknown> =>
  eventually('the server is free of it', async () => (await sessionsOf(place)) === 0);

/** What happens when so many blocks came. */
export function atBlock(at: number, act: () => void | Promise<void>): Pick<ReadOptions, 'on'> {
  let blocks = 0;
  return {
    async on(item) {
      if (item.type === 'BLOCK' && (blocks += 1) === at) await act();
    },
  };
}
