import {
  landsAs,
  replaces,
  streamId,
  SyncError,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type StreamId,
} from '../../protocol/index.ts';
import { columnsOf, type ColumnKind } from './columns.ts';
import { hiddenPrefix } from './hidden.ts';
import {
  asWanted,
  claimNames,
  hashedName,
  identifierBytesMax,
  type Fold,
  type Spell,
  type Narrow,
} from './identifiers.ts';
import { checkpointTable, offerTable, ownerTable, sessionTable } from './ledger.ts';

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
  /** The fields that may have a column, beside those of change data capture; null: every field. */
  readonly only: ReadonlySet<string> | null;
  /** Of a target that is settled, where `only` are columns of its table: see Naming. */
  readonly spell?: Spell;
  /** Its table takes no new columns: not settled yet, see `settle`. */
  readonly frozen: boolean;
  /** A key whose last record says that it was deleted loses its row. */
  readonly hardDeletes: boolean;
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
 * A table for each stream of the catalog. Streams keep the table they have while it is named as they are; two streams whose names the system
 * can't tell apart get two tables. Refuses modes, keys and names that can't be done, as config_errors that name the stream.
 */
export function planTargets(
  catalog: ConfiguredCatalog,
  known: readonly KnownTable[],
  options: {
    readonly schema: string;
    readonly fold: Fold;
    /** See Naming. */
    readonly narrow?: Narrow;
    /** See Naming. */
    readonly spell?: Spell | undefined;
  },
): Target[] {
  const { fold, narrow = false, spell = asWanted } = options;
  const bySchema = new Map<string, ConfiguredStream[]>();
  for (const configured of catalog.streams) {
    const schema = fold(schemaOf(configured, options.schema));
    bySchema.set(schema, [...(bySchema.get(schema) ?? []), configured]);
  }
  return [...bySchema].flatMap(([folded, streams]) => {
    const here = known.filter(({ schema }) => fold(schema) === folded);
    const tables = tablesIn(streams, here, { fold, narrow, spell });
    return streams.map((configured) => {
      const id = streamId(configured.stream);
      const schema = schemaOf(configured, options.schema);
      return target(configured, { schema, generation: 0, ...tables.get(id)! });
    });
  });
}

function schemaOf(configured: ConfiguredStream, ofConfig: string): string {
  const schema = landsAs(configured).namespace || ofConfig;
  if (Buffer.byteLength(schema) > identifierBytesMax)
    throw longSchema(streamId(configured.stream), schema);
  return schema;
}

/** What is known of a stream's table before it is made is its name only. */
type Place = Pick<KnownTable, 'table'> & Partial<KnownTable>;

/** The table of each stream of one schema: the one it has, as it is known, or a new one's name. */
function tablesIn(
  streams: readonly ConfiguredStream[],
  here: readonly KnownTable[],
  { fold, narrow, spell }: { readonly fold: Fold; readonly narrow: Narrow; readonly spell: Spell },
): Map<StreamId, Place> {
  const byName = new Map<string, StreamId>();
  const tables = new Map<StreamId, Place>();
  const knownOf = new Map(here.map((one) => [one.stream, one]));
  for (const configured of streams) {
    const id = streamId(configured.stream);
    const { name } = landsAs(configured);
    const other = byName.get(name);
    if (other !== undefined) throw sharedTable(other, id, configured);
    byName.set(name, id);
    const own = knownOf.get(id);
    const names = [name, hashedName(name, narrow)].map(spell);
    if (own !== undefined && names.includes(own.table)) tables.set(id, own);
  }
  const fresh = [...byName].filter(([, id]) => !tables.has(id));
  const names = claimNames(
    fresh.map(([name]) => name),
    {
      ...{ fold, narrow, spell },
      existing: [],
      reserved: [
        ...[checkpointTable, ownerTable, offerTable, sessionTable],
        ...here.map(({ table }) => table),
      ],
    },
  );
  for (const [name, id] of fresh) tables.set(id, { table: names.get(name)! });
  return tables;
}

function target(
  configured: ConfiguredStream,
  { schema, table, generation }: Omit<KnownTable, 'stream'>,
): Target {
  const stream = streamId(configured.stream);
  const { only, frozen = false, cdc_deletes } = configured.landing ?? {};
  const dedup = configured.destination_sync_mode === 'append_dedup';
  const isHidden = replaces(configured) && generation < configured.generation_id;
  return {
    stream,
    schema,
    table,
    hidden: isHidden ? `${hiddenPrefix(schema, table)}${configured.generation_id}` : null,
    fields: columnsOf(configured.stream.json_schema),
    dedupBy: dedup ? keyOf(configured, stream) : null,
    only: only === undefined ? null : new Set(only),
    frozen,
    hardDeletes: dedup && cdc_deletes !== 'soft',
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

function longSchema(stream: StreamId, schema: string): SyncError {
  return new SyncError('config_error', 'The name of a schema is too long.', {
    origin: 'destination',
    stream,
    place: schema,
    remedy: `Set namespace for the connection; a name may have ${identifierBytesMax} bytes.`,
  });
}

function sharedTable(one: StreamId, other: StreamId, configured: ConfiguredStream): SyncError {
  const { namespace, name } = landsAs(configured);
  const table = `${namespace ? `${namespace}.` : ''}${name}`;
  return new SyncError('config_error', 'Two streams would be written to one table.', {
    origin: 'destination',
    stream: other,
    place: `${one} and ${other}: ${table}`,
    remedy: `Keep them apart with \${SOURCE_NAMESPACE} in the connection's namespace, or select one of them.`,
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
