import {
  fromFailure,
  streamId,
  SyncError,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type End,
  type StreamId,
} from '../protocol/index.ts';

/** Names listed in an error. */
const namesMax = 10;

/** A stream with records that no state covered when the source ended. */
export interface Uncovered {
  readonly stream: StreamId;
  readonly records: number;
}

/** True of the streams that the source ended well for: it said COMPLETE, or says nothing of any stream. */
export function finishedBy({ failure, drained, statuses }: End): (stream: StreamId) => boolean {
  if (failure !== null || drained) return () => false;
  // Once, and not for each of 10,000 streams, which took a minute.
  const saysNothing = Object.keys(statuses).length === 0;
  return (stream) => saysNothing || statuses[stream] === 'COMPLETE';
}

/**
 * Invariant 9: success is proven. Throws the failure that the end of a source amounts to, when it was not asked to drain; returns when
 * the source exited well, every stream has its terminal status and no record was left without a state.
 */
export function proveSuccess(
  end: End,
  catalog: ConfiguredCatalog,
  uncovered: readonly Uncovered[],
): void {
  if (end.failure !== null) throw fromFailure(end.failure);
  if (end.drained) {
    throw new SyncError('transient_error', 'The source was stopped before its end.', {
      origin: 'tidemark',
      remedy: 'The sync goes on from its last checkpoint.',
    });
  }
  const isFinished = finishedBy(end);
  const unfinished = catalog.streams.map(idOf).filter((stream) => !isFinished(stream));
  if (unfinished.length > 0) throw notFinished(end, unfinished);
  if (uncovered.length > 0) throw withoutState(uncovered);
}

function idOf({ stream }: ConfiguredStream): StreamId {
  return streamId(stream);
}

/** What the source said of a stream that it did not complete, if it did: one that a retry may mend before one that it can't. */
function notFinished(end: End, streams: readonly StreamId[]): SyncError {
  const told = streams.flatMap((stream) => end.streamFailures?.[stream] ?? []);
  const mendable = told.find(({ kind }) => kind !== 'config_error');
  const failure = mendable ?? (told.length === streams.length ? told[0] : undefined);
  return failure === undefined ? incomplete(end, streams) : fromFailure(failure);
}

function incomplete(end: End, streams: readonly StreamId[]): SyncError {
  const told = streams.map((stream) => `${stream}: ${end.statuses[stream] ?? 'no status'}`);
  return new SyncError(
    'system_error',
    'The source exited well but did not complete every stream.',
    {
      origin: 'source',
      place: list(told),
      remedy:
        'See the connector log (tidemark logs <connection>). What was committed stays; the retry goes on from there.',
    },
  );
}

function withoutState(uncovered: readonly Uncovered[]): SyncError {
  const told = uncovered.map(({ stream, records }) => `${stream}: ${records} records`);
  return new SyncError(
    'system_error',
    'The source ended without a state for the last records of an incremental stream.',
    {
      origin: 'source',
      place: list(told),
      remedy:
        'Nothing marks these records as read, so they were not committed. Report it to the connector, or use sync_mode: full_refresh.',
    },
  );
}

function list(items: readonly string[]): string {
  const more = items.length > namesMax ? `, … (${items.length} in all)` : '';
  return items.slice(0, namesMax).join(', ') + more;
}
