import { createHash } from 'node:crypto';
import {
  canonical,
  generationOf,
  streamId,
  SyncError,
  type Catalog,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type DestinationSyncMode,
  type Naming,
  type Stream,
  type StreamId,
  type StreamSelection,
  type SyncMode,
} from '../protocol/index.ts';
import { nearest } from '../protocol/nearest.ts';
import { landed } from './landing.ts';

/** Names listed in an error. */
const namesMax = 20;

export interface ConfigureInput {
  readonly catalog: Catalog;
  /** Absent: every stream. */
  readonly selections: readonly StreamSelection[] | undefined;
  /** Absent: tables are named as the streams are. */
  readonly naming?: Naming;
  /** Tables take no new columns. */
  readonly frozen?: boolean;
  /** What the destination says it can do with a stream's rows. Absent: it does not say. */
  readonly destinationModes?: readonly string[];
  readonly syncNo: number;
  /** Generations raised by refresh or clear; a full refresh has its sync's number. */
  readonly generations: Readonly<Record<StreamId, number>>;
  /** Of those that are not carried out yet; see ConnectionState. */
  readonly minimumGenerations: Readonly<Record<StreamId, number>>;
  /** Streams that this sync has finished: left out. */
  readonly completed: ReadonlySet<StreamId>;
}

/** The discovered catalog and a person's selections, as the catalog of a sync. Throws config_error naming the stream and what it supports. */
export function configureCatalog(input: ConfigureInput): ConfiguredCatalog {
  const { catalog, selections, completed } = input;
  const byId = new Map(catalog.streams.map((stream) => [streamId(stream), stream]));
  const chosen =
    selections === undefined
      ? catalog.streams.map((stream) => ({ stream, selection: stream as StreamSelection }))
      : selections.map((selection) => ({ stream: find(byId, selection), selection }));
  const streams = chosen
    .filter(({ stream }) => !completed.has(streamId(stream)))
    .map(({ stream, selection }) =>
      configure(stream, selections === undefined ? { name: stream.name } : selection, input),
    );
  return { streams };
}

function find(byId: ReadonlyMap<StreamId, Stream>, selection: StreamSelection): Stream {
  const id = streamId(selection);
  const stream = byId.get(id);
  if (stream !== undefined) return stream;
  const names = [...byId.keys()].sort();
  throw new SyncError('config_error', 'The source has no such stream.', {
    origin: 'source',
    stream: id,
    place: `streams: ${id}`,
    remedy: `${hint(id, names)}Choose from: ${names.slice(0, namesMax).join(', ')}${names.length > namesMax ? `, … (${names.length} in all)` : ''}.`,
  });
}

function hint(id: StreamId, names: readonly StreamId[]): string {
  const meant = nearest(id, names);
  return meant === undefined ? '' : `Did you mean ${meant}? `;
}

function configure(
  stream: Stream,
  selection: StreamSelection,
  input: ConfigureInput,
): ConfiguredStream {
  const id = streamId(stream);
  const cursor = cursorField(stream, selection);
  const mode = syncMode(stream, selection, cursor);
  const key = selection.primary_key ?? stream.source_defined_primary_key ?? [];
  const destination = destinationMode(id, selection, {
    byDefault: usualMode(mode, key, input.destinationModes),
    key,
    supported: input.destinationModes,
  });
  const asked = generationOf(id, input);
  const generation = mode === 'full_refresh' ? input.syncNo : asked.generation;
  const replacesAll = destination === 'overwrite' || asked.minimum > 0;
  const { stream: copied, landing } = landed(stream, selection, {
    naming: input.naming ?? {},
    frozen: input.frozen ?? false,
    paths: [cursor, ...key],
  });
  return {
    stream: copied,
    sync_mode: mode,
    destination_sync_mode: destination,
    ...(cursor.length > 0 && { cursor_field: cursor }),
    ...(key.length > 0 && { primary_key: key }),
    generation_id: generation,
    minimum_generation_id: replacesAll ? generation : 0,
    sync_id: input.syncNo,
    ...(Object.keys(landing).length > 0 && { landing }),
  };
}

/** Airbyte's order: the source's own cursor, the person's, the default. */
function cursorField(stream: Stream, selection: StreamSelection): readonly string[] {
  const byDefault = stream.default_cursor_field ?? [];
  return stream.source_defined_cursor ? byDefault : (selection.cursor_field ?? byDefault);
}

function syncMode(stream: Stream, selection: StreamSelection, cursor: readonly string[]): SyncMode {
  const supported = stream.supported_sync_modes ?? ['full_refresh'];
  const usable = stream.source_defined_cursor === true || cursor.length > 0;
  const mode = selection.sync_mode;
  if (mode === undefined)
    return supported.includes('incremental') && usable ? 'incremental' : 'full_refresh';
  const refuse = (message: string, remedy: string): SyncError =>
    new SyncError('config_error', message, { origin: 'source', stream: streamId(stream), remedy });
  if (!supported.includes(mode)) {
    throw refuse(
      `The stream does not support sync_mode ${mode}.`,
      `Use one of: ${supported.join(', ')}.`,
    );
  }
  if (mode === 'incremental' && !usable) {
    throw refuse(
      'An incremental stream needs a cursor_field.',
      'Set cursor_field, or sync_mode: full_refresh.',
    );
  }
  return mode;
}

/** The best mode that both ends support. What is read in full each time would be there once a sync if it were appended. */
function usualMode(
  syncMode: SyncMode,
  key: readonly (readonly string[])[],
  supported: readonly string[] | undefined,
): DestinationSyncMode {
  const best = syncMode === 'full_refresh' ? 'overwrite' : 'append_dedup';
  if (best === 'append_dedup' && key.length === 0) return 'append';
  return supported === undefined || supported.includes(best) ? best : 'append';
}

function destinationMode(
  id: StreamId,
  selection: StreamSelection,
  {
    byDefault,
    key,
    supported,
  }: {
    readonly byDefault: DestinationSyncMode;
    readonly key: readonly (readonly string[])[];
    readonly supported: readonly string[] | undefined;
  },
): DestinationSyncMode {
  const mode = selection.destination_sync_mode ?? byDefault;
  if (supported?.includes(mode) === false) {
    throw new SyncError('config_error', `The destination cannot do ${mode}.`, {
      origin: 'destination',
      stream: id,
      place: `streams: ${id}: destination_sync_mode`,
      remedy: `Use one of: ${supported.join(', ')}.`,
    });
  }
  if (mode === 'append_dedup' && key.length === 0) {
    throw new SyncError('config_error', 'append_dedup needs a primary key.', {
      origin: 'tidemark',
      stream: id,
      remedy: 'Set primary_key for the stream, or destination_sync_mode: append.',
    });
  }
  if (mode !== 'append_dedup' && selection.cdc_deletes !== undefined) {
    throw new SyncError('config_error', 'cdc_deletes means nothing without append_dedup.', {
      origin: 'tidemark',
      stream: id,
      remedy: 'Set destination_sync_mode: append_dedup for the stream, or remove cdc_deletes.',
    });
  }
  return mode;
}

/** A stable hash of what the source offers: 16 hex digits. */
export function catalogHash(catalog: Catalog): string {
  const streams = [...catalog.streams].sort((a, b) => (streamId(a) < streamId(b) ? -1 : 1));
  return createHash('sha256').update(canonical(streams)).digest('hex').slice(0, 16);
}
