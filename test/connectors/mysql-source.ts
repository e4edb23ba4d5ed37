import { mysqlSource, type MysqlSourceConfig } from '../../connectors/mysql/index.ts';
import type {
  ConfiguredStream,
  End,
  Item,
  JsonObject,
  ReadInput,
  StateMessage,
  Stream,
} from '../../protocol/index.ts';

export interface ReadOptions {
  readonly state?: readonly StateMessage[];
  readonly drain?: AbortSignal;
  readonly abort?: AbortSignal;
  /** Absent: in full. */
  readonly cursor?: string;
}

export interface ReadResult {
  readonly records: readonly string[];
  readonly states: readonly StateMessage[];
  /** Records before each state. */
  readonly covered: readonly number[];
  readonly warnings: readonly string[];
  readonly end: End;
}

export async function streamOf(config: MysqlSourceConfig, name: string): Promise<Stream> {
  const { streams } = await mysqlSource.discover(config, new AbortController().signal);
  return streams.find((stream) => stream.name === name)!;
}

export function inputOf(
  config: MysqlSourceConfig,
  stream: Stream,
  { state = [], drain, abort, cursor }: ReadOptions = {},
): ReadInput<MysqlSourceConfig> {
  const configured: ConfiguredStream = {
    stream,
    sync_mode: cursor === undefined ? 'full_refresh' : 'incremental',
    destination_sync_mode: 'append',
    ...(cursor !== undefined && { cursor_field: [cursor] }),
    ...{ generation_id: 0, minimum_generation_id: 0, sync_id: 1 },
  };
  const never = new AbortController().signal;
  return {
    ...{ config, state, catalog: { streams: [configured] }, accepts: () => ['jsonl'] },
    checkpoints: (async function* () {})(),
    ...{ drain: drain ?? never, abort: abort ?? never },
  };
}

/** Everything that a read yields; records as their data's text. */
export async function readAll(
  config: MysqlSourceConfig,
  stream: Stream,
  options: ReadOptions & { readonly each?: (item: Item) => void } = {},
): Promise<ReadResult> {
  const records: string[] = [];
  const states: StateMessage[] = [];
  const covered: number[] = [];
  const warnings: string[] = [];
  let last: Item | null = null;
  for await (const item of mysqlSource.read(inputOf(config, stream, options))) {
    last = item;
    if (item.type === 'STATE') {
      states.push(item);
      covered.push(records.length);
    }
    if (item.type === 'LOG') warnings.push(item.log.message);
    if (item.type === 'BLOCK') {
      const lines = Buffer.from(item.bytes).toString('utf8').trimEnd().split('\n');
      if (lines.length !== item.records) throw new Error('A block counts wrongly.');
      records.push(...lines.map(dataOf));
      item.release();
    }
    options.each?.(item);
  }
  if (last?.type !== 'END') throw new Error('It did not end with END.');
  const sum = states.reduce((n, { state }) => n + (state.sourceStats?.recordCount ?? 0), 0);
  if (covered.length > 0 && sum !== covered.at(-1)) throw new Error('Its states count wrongly.');
  return { records, states, covered, warnings, end: last };
}

/** The text of the data: numbers as they stand. Throws where a line is not JSON. */
function dataOf(line: string): string {
  JSON.parse(line);
  const from = line.indexOf('"data":') + '"data":'.length;
  return line.slice(from, line.lastIndexOf(',"emitted_at":'));
}

export const idsOf = (records: readonly string[]): number[] =>
  records.map((record) => (JSON.parse(record) as JsonObject)['id'] as number);
