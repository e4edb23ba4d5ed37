import {
  asSyncError,
  streamId,
  SyncError,
  type Block,
  type ConfiguredStream,
  type Item,
  type LogMessage,
  type ReadInput,
  type State,
  type StateMessage,
  type StreamDescriptor,
  type StreamId,
  type StreamStatus,
  type SyncFailure,
  type TraceMessage,
} from '../../protocol/index.ts';
import { aborted } from './gather.ts';

/** It was asked to drain, and all that it gave is covered. */
export interface Drained {
  readonly type: 'DRAINED';
}
export type StreamItem = Block | StateMessage | LogMessage | Drained;
/** What one stream gives; it throws what is wrong with it. */
export type StreamItems = AsyncGenerator<StreamItem, void, undefined>;

/** Reads one stream. `state`: its last one; undefined: from scratch. */
export type ReadStream = (
  configured: ConfiguredStream,
  state: State | undefined,
  id: StreamId,
) => StreamItems;

type Input = Pick<ReadInput<never>, 'catalog' | 'state' | 'drain' | 'abort'>;

/** Reads the catalog's streams one after the other. A stream that fails does not keep the others from being read. */
export async function* readStreams(
  input: Input,
  open: () => Promise<ReadStream>,
): AsyncGenerator<Item, void, undefined> {
  const statuses: Record<StreamId, StreamStatus> = {};
  const failures: SyncError[] = [];
  let drained = false;
  try {
    const readStream = await open();
    for (const configured of input.catalog.streams) {
      drained = input.drain.aborted;
      if (drained) break;
      const id = streamId(configured.stream);
      const read = yield* readOne(input, configured, readStream, statuses);
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
  input: Input,
  configured: ConfiguredStream,
  readStream: ReadStream,
  statuses: Record<StreamId, StreamStatus>,
): AsyncGenerator<Item, Outcome, undefined> {
  const id = streamId(configured.stream);
  statuses[id] = 'STARTED';
  yield status(configured, 'STARTED');
  try {
    for await (const item of readStream(configured, stateOf(id, input.state), id)) {
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
function stateOf(id: StreamId, states: readonly StateMessage[]): State | undefined {
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

/** A stream's name as messages spell it. */
export function descriptorOf({ name, namespace }: StreamDescriptor): StreamDescriptor {
  return { name, ...(namespace != null && { namespace }) };
}

function status({ stream }: ConfiguredStream, value: StreamStatus): TraceMessage {
  return {
    type: 'TRACE',
    trace: {
      type: 'STREAM_STATUS',
      emitted_at: Date.now(),
      stream_status: { stream_descriptor: descriptorOf(stream), status: value },
    },
  };
}

/** A state of one stream; `recordCount`: records since the one before it. */
export function streamState(
  stream: StreamDescriptor,
  state: NonNullable<State['stream']>['stream_state'],
  recordCount: number,
): StateMessage {
  return {
    type: 'STATE',
    state: {
      type: 'STREAM',
      stream: { stream_descriptor: descriptorOf(stream), stream_state: state ?? null },
      sourceStats: { recordCount },
    },
  };
}
