import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import type { FilesConfig } from '../../../connectors/files/index.ts';
import { filesSource } from '../../../connectors/files/index.ts';
import {
  type Catalog,
  type ConfiguredCatalog,
  type End,
  type Item,
  type Json,
  type JsonObject,
  type ReadInput,
  type StateMessage,
  type SyncError,
  type SyncFailure,
} from '../../../protocol/index.ts';

export const never = new AbortController().signal;

/** A directory with files, for one test. */
export interface Place {
  readonly path: string;
  /** `modified`: seconds since 1970; files are read in its order. */
  write(name: string, content: string | Uint8Array, modified?: number): void;
  sql(statement: string): Promise<void>;
  drop(): void;
}

export function openPlace(): Place {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-files-')));
  return {
    path,
    write(name, content, modified = 1_700_000_000) {
      const file = join(path, name);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
      utimesSync(file, modified, modified);
    },
    async sql(statement) {
      const instance = await DuckDBInstance.create(':memory:');
      const connection = await instance.connect();
      await connection.run(statement.replaceAll('$', path));
      connection.closeSync();
      instance.closeSync();
    },
    drop: () => rmSync(path, { recursive: true, force: true }),
  };
}

export type Compressed = 'none' | 'gzip' | 'zstd';

export function compress(text: string | Buffer, how: Compressed): Buffer {
  const bytes: Buffer = Buffer.from(text);
  if (how === 'none') return bytes;
  return how === 'gzip' ? gzipSync(bytes) : zstdFrame(bytes);
}

/** A zstd frame of raw blocks. */
function zstdFrame(bytes: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUInt32LE(0xfd2fb528, 0);
  // Four bytes of content size, one segment.
  head[4] = 0xa0;
  head.writeUInt32LE(bytes.byteLength, 5);
  const blockMax = 100_000;
  const parts: Buffer[] = [head];
  for (let at = 0; at === 0 || at < bytes.byteLength; at += blockMax) {
    const block = bytes.subarray(at, at + blockMax);
    const isLast = at + blockMax >= bytes.byteLength ? 1 : 0;
    const header = Buffer.alloc(3);
    header.writeUIntLE(block.byteLength * 8 + isLast, 0, 3);
    parts.push(header, block);
  }
  return Buffer.concat(parts);
}

export interface Outcome {
  /** Each record's stream and data, as the text that was sent, in order. */
  readonly records: readonly string[];
  readonly states: readonly StateMessage[];
  readonly end: End | null;
  readonly items: readonly Item[];
}

export interface ReadOptions {
  readonly state?: readonly StateMessage[];
  /** Stops like a killed worker, right after so many states. */
  readonly statesMax?: number;
  readonly catalog?: Catalog;
  readonly mode?: 'full_refresh' | 'incremental';
  readonly drain?: AbortSignal;
  readonly abort?: AbortSignal;
  /** Called with each item. */
  on?(item: Item): void;
}

export async function inputOf(
  config: FilesConfig,
  options: ReadOptions = {},
): Promise<ReadInput<FilesConfig>> {
  const catalog = options.catalog ?? (await filesSource.discover(config, never));
  return {
    config,
    catalog: configured(catalog, options.mode ?? 'incremental'),
    state: options.state ?? [],
    accepts: () => ['jsonl'],
    checkpoints: { async *[Symbol.asyncIterator]() {} },
    drain: options.drain ?? never,
    abort: options.abort ?? never,
  };
}

export async function read(config: FilesConfig, options: ReadOptions = {}): Promise<Outcome> {
  const { statesMax = Infinity } = options;
  const input = await inputOf(config, options);
  const items: Item[] = [];
  const records: string[] = [];
  const states: StateMessage[] = [];
  let end: End | null = null;
  for await (const item of filesSource.read(input)) {
    items.push(item);
    options.on?.(item);
    if (item.type === 'BLOCK') {
      const lines = linesOf(item.bytes);
      expect(lines).toHaveLength(item.records);
      records.push(...lines.map(dataOf));
      item.release();
    } else if (item.type === 'STATE') {
      states.push(item);
      if (states.length === statesMax) break;
    } else if (item.type === 'END') end = item;
  }
  return { records, states, end, items };
}

const linesOf = (bytes: Uint8Array): string[] =>
  Buffer.from(bytes).toString().split('\n').slice(0, -1);

/** `stream {…}`: the record without its envelope. */
function dataOf(line: string): string {
  const match =
    /^\{"type":"RECORD","record":\{"stream":("(?:[^"\\]|\\.)*"),"data":(\{.*\}),"emitted_at":\d+\}\}$/s.exec(
      line,
    );
  if (match === null) throw new Error(`No RECORD: ${line}`);
  JSON.parse(line);
  return `${JSON.parse(match[1]!) as string} ${match[2]!}`;
}

/** The data of records, parsed and without the columns of ours. */
export function values(outcome: Outcome): JsonObject[] {
  return outcome.records.map((record) => {
    const data = JSON.parse(record.slice(record.indexOf(' ') + 1)) as Record<string, Json>;
    delete data['_ab_source_file_url'];
    delete data['_ab_source_file_last_modified'];
    return data;
  });
}

/** Per scope the last state, as a connection keeps them. */
export function lastStates(states: readonly StateMessage[]): readonly StateMessage[] {
  const byStream = new Map(
    states.map((state) => [state.state.stream!.stream_descriptor.name, thawed(state)]),
  );
  return [...byStream.values()];
}

/** As it comes back from a database. */
const thawed = (state: StateMessage): StateMessage =>
  JSON.parse(JSON.stringify(state)) as StateMessage;

export const configured = (
  { streams }: Catalog,
  mode: 'full_refresh' | 'incremental',
): ConfiguredCatalog => ({
  streams: streams.map((stream) => ({
    stream,
    sync_mode: mode,
    destination_sync_mode: 'append',
    generation_id: 0,
    minimum_generation_id: 0,
    sync_id: 1,
  })),
});

/** What the read failed with; throws where it did not. */
export function failureOf({ end }: Outcome): SyncFailure {
  if (end?.failure == null) throw new Error('It did not fail.');
  return end.failure;
}

/** What a promise was refused with. */
export async function refusalOf(promise: Promise<unknown>): Promise<SyncFailure> {
  const error: unknown = await promise.then(
    () => new Error('It was accepted.'),
    (reason: unknown) => reason,
  );
  return (error as SyncError).toFailure();
}

export async function schemaOf(config: FilesConfig, stream?: string): Promise<JsonObject> {
  const { streams } = await filesSource.discover(config, never);
  const found = stream === undefined ? streams[0] : streams.find(({ name }) => name === stream);
  const { _ab_source_file_url, _ab_source_file_last_modified, ...rest } = found!.json_schema[
    'properties'
  ] as Record<string, JsonObject>;
  expect(_ab_source_file_url).toEqual({ type: ['null', 'string'] });
  expect(_ab_source_file_last_modified).toMatchObject({ format: 'date-time' });
  return rest;
}
