import {
  streamId,
  SyncError,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type StreamId,
} from '../../protocol/index.ts';
import { columnsOf, type ColumnKind } from './columns.ts';
import { claimNames, type Fold } from './identifiers.ts';
import { checkpointTable, ownerTable } from './ledger.ts';

/** Where a stream's records go, and how. */
export interface Target {
  readonly stream: StreamId;
  readonly schema: string;
  readonly table: string;
  /** Fields of the stream's schema, in its order. */
  readonly fields: ReadonlyMap<string, ColumnKind>;
  /** Fields of the primary key; null: append. */
  readonly dedupBy: readonly string[] | null;
  /** The fields that may have a column, beside those of change data capture; null: every field. */
  readonly only: ReadonlySet<string> | null;
  readonly generation: number;
  readonly syncId: number;
}

/** A table that some stream of this connection has already. */
export interface KnownTable {
  readonly stream: StreamId;
  readonly schema: string;
  readonly table: string;
}

/**
 * A table for each stream of the catalog. Streams keep the table they have; two streams whose names the system can't tell apart get two
 * tables. Refuses modes and keys that can't be done, as config_errors that name the stream.
 */
export function planTargets(
  catalog: ConfiguredCatalog,
  known: readonly KnownTable[],
  options: { readonly schema: string; readonly fold: Fold },
): Target[] {
  const bySchema = new Map<string, ConfiguredStream[]>();
  for (const configured of catalog.streams) {
    const schema = configured.stream.namespace || options.schema;
    bySchema.set(schema, [...(bySchema.get(schema) ?? []), configured]);
  }
  return [...bySchema].flatMap(([schema, streams]) => {
    const here = known.filter((one) => one.schema === schema);
    const kept = new Map(here.map((one) => [one.stream, one.table]));
    const fresh = streams.filter(({ stream }) => !kept.has(streamId(stream)));
    const names = claimNames(
      fresh.map(({ stream }) => stream.name),
      {
        fold: options.fold,
        existing: [],
        reserved: [checkpointTable, ownerTable, ...kept.values()],
      },
    );
    return streams.map((configured) => {
      const id = streamId(configured.stream);
      return target(configured, schema, kept.get(id) ?? names.get(configured.stream.name)!);
    });
  });
}

function target(configured: ConfiguredStream, schema: string, table: string): Target {
  const stream = streamId(configured.stream);
  if (configured.destination_sync_mode === 'overwrite') throw noOverwrite(stream);
  const { only } = configured.landing ?? {};
  return {
    stream,
    schema,
    table,
    fields: columnsOf(configured.stream.json_schema),
    dedupBy: configured.destination_sync_mode === 'append_dedup' ? keyOf(configured, stream) : null,
    only: only === undefined ? null : new Set(only),
    generation: configured.generation_id,
    syncId: configured.sync_id,
  };
}

function keyOf(configured: ConfiguredStream, stream: StreamId): string[] {
  const key = configured.primary_key ?? configured.stream.source_defined_primary_key ?? [];
  if (key.length === 0)
    throw new SyncError(
      'config_error',
      'append_dedup needs a primary key, and the stream has none.',
      {
        origin: 'destination',
        stream,
        remedy: 'Set primary_key for the stream, or use append.',
      },
    );
  return key.map((path) => {
    if (path.length === 1) return path[0]!;
    throw new SyncError('config_error', 'A primary key inside an object cannot be used.', {
      origin: 'destination',
      stream,
      place: path.join('.'),
      remedy: 'Set primary_key to fields at the top of the record, or use append.',
    });
  });
}

export function noOverwrite(stream: StreamId): SyncError {
  return new SyncError('config_error', 'This destination cannot overwrite yet.', {
    origin: 'destination',
    stream,
    remedy: 'Set destination_sync_mode to append or append_dedup.',
  });
}

export function nullKey(stream: StreamId, fields: readonly string[]): SyncError {
  return new SyncError('config_error', 'A record has no value in its primary key.', {
    origin: 'destination',
    stream,
    place: fields.join(', '),
    remedy: 'Set another primary_key for the stream, or use append.',
  });
}

export function unreadableRecord(stream: StreamId, cause?: unknown): SyncError {
  return new SyncError('system_error', 'A record is not valid JSON.', {
    origin: 'source',
    stream,
    remedy: 'Report it to the source connector; the record cannot be read.',
    ...(cause !== undefined && { cause }),
  });
}

export function tooManyColumns(stream: StreamId, count: number): SyncError {
  return new SyncError('config_error', 'The stream has too many different fields.', {
    origin: 'destination',
    stream,
    facts: { count },
    remedy: 'Put the changing keys into one object field at the source.',
  });
}

export function outsideCatalog(stream: StreamId): SyncError {
  return new SyncError('system_error', 'Records came for a stream outside the catalog.', {
    origin: 'tidemark',
    stream,
  });
}
