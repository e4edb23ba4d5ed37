import {
  streamId,
  type ConfiguredCatalog,
  type Item,
  type JsonObject,
  type Source,
  type StreamStatus,
} from '../protocol/index.ts';

/** A source without records, for a sync that empties streams: each is complete at once. */
export const emptySource: Source<JsonObject> = {
  spec: { connectionSpecification: { type: 'object' } },
  check: () => Promise.resolve(),
  discover: () => Promise.resolve({ streams: [] }),
  read: ({ catalog }) => readNothing(catalog),
};

async function* readNothing({ streams }: ConfiguredCatalog): AsyncGenerator<Item> {
  const status: StreamStatus = 'COMPLETE';
  for (const { stream } of streams) {
    const stream_descriptor = {
      name: stream.name,
      ...(stream.namespace && { namespace: stream.namespace }),
    };
    yield {
      type: 'TRACE',
      trace: {
        type: 'STREAM_STATUS',
        emitted_at: Date.now(),
        stream_status: { stream_descriptor, status },
      },
    };
  }
  const statuses = Object.fromEntries(streams.map(({ stream }) => [streamId(stream), status]));
  yield { type: 'END', failure: null, drained: false, statuses };
}
