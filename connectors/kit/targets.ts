import {
  replaces,
  streamId,
  SyncError,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type StreamId,
} from '../../protocol/index.ts';
import { columnsOf, type ColumnKind } from './columns.ts';
import { claimNames, shortHash, type Fold } from './identifiers.ts';
import { checkpointTable, ownerTable } from './ledger.ts';

/** Where a stream's records go, and how. */
export interface Target {
  readonly stream: StreamId;
  readonly schema: string;
  readonly table: string;
  /** The table out of sight that is loaded until it takes the place of `table`; null: `table` itself is loaded. */
  readonly hidden: string | null;
  /** Fields of the stream's schema, in its order. */
  readonly fields: ReadonlyMap<string, ColumnKind>;
  /** Fields of the primary key; null: append. */
  readonly dedupBy: readonly string[] | null;
  readonly generation: number;
  readonly syncId: number;
}

/** A table that some stream of this connection has already. */
export interface KnownTable {
  readonly stream: StreamId;
  readonly schema: string;
  readonly table: string;
  /** Of the data in it. */
  readonly generation: number;
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
    const kept = new Map(here.map((one) => [one.stream, one]));
    const keptNames = here.map(({ table }) => table);
    const fresh = streams.filter(({ stream }) => !kept.has(streamId(stream)));
    const names = claimNames(
      fresh.map(({ stream }) => stream.name),
      {
        fold: options.fold,
        existing: [],
        reserved: [checkpointTable, ownerTable, ...keptNames],
      },
    );
    return streams.map((configured) => {
      const id = streamId(configured.stream);
      const made = { table: names.get(configured.stream.name)!, generation: 0 };
      return target(configured, schema, kept.get(id) ?? made);
    });
  });
}

function target(
  configured: ConfiguredStream,
  schema: string,
  { table, generation }: Pick<KnownTable, 'table' | 'generation'>,
): Target {
  const stream = streamId(configured.stream);
  const isHidden = replaces(configured) && generation < configured.generation_id;
  return {
    stream,
    schema,
    table,
    hidden: isHidden ? `${hiddenPrefix(schema, table)}${configured.generation_id}` : null,
    fields: columnsOf(configured.stream.json_schema),
    dedupBy: configured.destination_sync_mode === 'append_dedup' ? keyOf(configured, stream) : null,
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

const hiddenHashLength = 16;

/** Hidden tables of a target begin so, and end in their generation. */
export function hiddenPrefix(schema: string, table: string): string {
  return `_tidemark_next_${shortHash(JSON.stringify([schema, table]), hiddenHashLength)}_`;
}

/**
 * Of these tables, which begin with the target's hidden prefix, the ones that earlier generations left. Never a later one: a writer that was
 * fenced off may sweep too.
 */
export function staleHidden(names: readonly string[], target: Target): readonly string[] {
  const prefix = hiddenPrefix(target.schema, target.table);
  return names.filter((name) => {
    const digits = name.slice(prefix.length);
    return /^\d+$/.test(digits) && Number(digits) < target.generation;
  });
}

/** `rows`: counted up to `min`. */
export function refuseFewRows(stream: StreamId, rows: number, min: number): void {
  if (rows >= min) return;
  throw new SyncError(
    'config_error',
    'The new data of a stream has fewer rows than rows_min, so it did not take the place of the old.',
    {
      origin: 'source',
      code: 'too_few_rows',
      stream,
      place: `stream ${stream}: ${rows} rows, rows_min ${min}`,
      remedy:
        'See why the source sent so few. If that is right, lower rows_min in the policy of the connection, and sync again.',
      facts: { rows, rowsMin: min },
    },
  );
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
