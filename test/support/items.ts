import {
  streamDescriptor,
  type Block,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type End,
  type Json,
  type StateMessage,
  type StreamId,
  type StreamStatus,
  type TraceMessage,
} from '../../protocol/index.ts';

/** Items of a pipe, for tests. A record of stream s with number n is `{"type":"RECORD",…,"data":{"id":n}}`. */

export const id = (name: string): StreamId => name as StreamId;

export function record(stream: StreamId, n: number): string {
  return JSON.stringify({
    type: 'RECORD',
    record: { stream: streamDescriptor(stream).name, data: { id: n }, emitted_at: 1 },
  });
}

/** Numbers of the records in stored lines. */
export function numbers(lines: readonly string[] = []): number[] {
  return lines.map(
    (line) => (JSON.parse(line) as { record: { data: { id: number } } }).record.data.id,
  );
}

/** The numbers from `from` to n. */
export const upTo = (n: number, from = 1): number[] =>
  Array.from({ length: n - from + 1 }, (_, i) => from + i);

export interface TestBlock extends Block {
  readonly released: () => number;
}

export function block(stream: StreamId, from: number, to: number): TestBlock {
  let released = 0;
  const lines = Array.from({ length: to - from + 1 }, (_, i) => `${record(stream, from + i)}\n`);
  return {
    type: 'BLOCK',
    stream,
    encoding: 'jsonl',
    records: lines.length,
    bytes: Buffer.from(lines.join('')),
    release() {
      released += 1;
    },
    released: () => released,
  };
}

export function streamState(stream: StreamId, value: Json, recordCount?: number): StateMessage {
  return {
    type: 'STATE',
    state: {
      type: 'STREAM',
      stream: { stream_descriptor: streamDescriptor(stream), stream_state: value },
      ...(recordCount !== undefined && { sourceStats: { recordCount } }),
    },
  };
}

export function globalState(value: Json, recordCount?: number): StateMessage {
  return {
    type: 'STATE',
    state: {
      type: 'GLOBAL',
      global: { shared_state: value },
      ...(recordCount !== undefined && { sourceStats: { recordCount } }),
    },
  };
}

export function status(stream: StreamId, value: StreamStatus): TraceMessage {
  return {
    type: 'TRACE',
    trace: {
      type: 'STREAM_STATUS',
      emitted_at: 1.5,
      stream_status: { stream_descriptor: streamDescriptor(stream), status: value },
    },
  };
}

export function end(parts: Partial<Omit<End, 'type'>> = {}): End {
  return { type: 'END', failure: null, drained: false, statuses: {}, ...parts };
}

export function configured(
  stream: StreamId,
  mode: ConfiguredStream['sync_mode'] = 'incremental',
): ConfiguredStream {
  return {
    stream: { ...streamDescriptor(stream), json_schema: { type: 'object' } },
    sync_mode: mode,
    destination_sync_mode: 'append',
    generation_id: 0,
    minimum_generation_id: 0,
    sync_id: 1,
  };
}

export function catalogOf(...streams: ConfiguredStream[]): ConfiguredCatalog {
  return { streams };
}
