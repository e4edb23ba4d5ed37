import {
  asSyncError,
  streamId,
  SyncError,
  type ConfiguredStream,
  type Item,
  type ReadInput,
  type StateMessage,
  type StreamId,
  type StreamStatus,
  type SyncFailure,
  type TraceMessage,
} from '../../protocol/index.ts';
import type { FilesConfig } from './config.ts';
import { aborted, configError } from './errors.ts';
import { readStream, type StreamRead } from './read-stream.ts';
import { findStreams, type StreamFiles } from './streams.ts';

/** Reads the catalog's streams one after the other. A stream that fails does not keep the others from being read. */
export async function* readFiles(
  input: ReadInput<FilesConfig>,
): AsyncGenerator<Item, void, undefined> {
  const statuses: Record<StreamId, StreamStatus> = {};
  const failures: SyncError[] = [];
  let drained = false;
  try {
    const found = await findStreams(input.config, input.abort);
    for (const configured of input.catalog.streams) {
      drained = input.drain.aborted;
      if (drained) break;
      const id = streamId(configured.stream);
      const read = yield* readOne(input, configured, found, statuses);
      if (read.failure !== null) failures.push(read.failure);
      if (read.drained) drained = true;
      if (input.abort.aborted) throw aborted();
      if (drained) break;
      statuses[id] = read.failure === null ? 'COMPLETE' : 'INCOMPLETE';
      yield status(configured, statuses[id]);
    }
  } catch (error) {
    failures.unshift(asSyncError(error, 'source'));
  }
  yield { type: 'END', failure: failureOf(failures), drained, statuses };
}

interface Outcome {
  readonly failure: SyncError | null;
  readonly drained: boolean;
}

async function* readOne(
  input: ReadInput<FilesConfig>,
  configured: ConfiguredStream,
  found: readonly StreamFiles[],
  statuses: Record<StreamId, StreamStatus>,
): AsyncGenerator<Item, Outcome, undefined> {
  const { name } = configured.stream;
  const id = streamId(configured.stream);
  statuses[id] = 'STARTED';
  yield status(configured, 'STARTED');
  try {
    const stream = found.find(({ config }) => config.name === name);
    if (stream === undefined) throw gone(name);
    const read: StreamRead = { input, configured, stream, state: stateOf(id, input.state) };
    for await (const item of readStream(read)) {
      if (item.type === 'DRAINED') return { failure: null, drained: true };
      if (item.type === 'BLOCK' && statuses[id] === 'STARTED') {
        statuses[id] = 'RUNNING';
        yield status(configured, 'RUNNING');
      }
      yield item;
    }
    return { failure: null, drained: false };
  } catch (error) {
    return { failure: named(asSyncError(error, 'source'), id), drained: false };
  }
}

/** The last one of the stream. */
function stateOf(id: StreamId, states: readonly StateMessage[]): StateMessage['state'] | undefined {
  return states.findLast(({ state }) => {
    const descriptor = state.stream?.stream_descriptor;
    return descriptor !== undefined && streamId(descriptor) === id;
  })?.state;
}

/** One that a person must mend is told before one that may pass: it would not pass by waiting. */
function failureOf(failures: readonly SyncError[]): SyncFailure | null {
  const [first] = failures;
  if (first === undefined) return null;
  const told = failures.find((failure) => failure.kind === 'config_error') ?? first;
  const others = failures.flatMap(({ stream }) =>
    stream === undefined || stream === told.stream ? [] : [stream],
  );
  const failure = told.toFailure();
  if (others.length === 0) return failure;
  const place = `${failure.place ?? failure.stream}; streams that failed too: ${others.slice(0, 10).join(', ')}`;
  return { ...failure, place };
}

function named(error: SyncError, stream: StreamId): SyncError {
  if (error.stream !== undefined || error.code === 'aborted') return error;
  const { kind, message, ...options } = error.toFailure();
  return new SyncError(kind, message, { ...options, stream, cause: error.cause });
}

function gone(name: string): SyncError {
  return configError(
    'The source has no such stream any more.',
    `stream ${name}`,
    'Put its files back, or take the stream out of the connection.',
    name,
  );
}

function status({ stream }: ConfiguredStream, value: StreamStatus): TraceMessage {
  const descriptor = {
    name: stream.name,
    ...(stream.namespace !== undefined && { namespace: stream.namespace }),
  };
  return {
    type: 'TRACE',
    trace: {
      type: 'STREAM_STATUS',
      emitted_at: Date.now(),
      stream_status: { stream_descriptor: descriptor, status: value },
    },
  };
}
