import type { JsonObject } from './json.ts';
import { streamId, type StreamDescriptor, type StreamId } from './stream.ts';

export type SyncMode = 'full_refresh' | 'incremental';
export type DestinationSyncMode = 'append' | 'overwrite' | 'append_dedup';

/** A stream that a source offers; Airbyte's AirbyteStream, as on the wire. */
export interface Stream extends StreamDescriptor {
  readonly json_schema: JsonObject;
  readonly supported_sync_modes?: readonly SyncMode[];
  readonly source_defined_cursor?: boolean;
  readonly default_cursor_field?: readonly string[];
  readonly source_defined_primary_key?: readonly (readonly string[])[];
  readonly is_resumable?: boolean;
  readonly is_file_based?: boolean;
}

/** What `discover` yields. */
export interface Catalog {
  readonly streams: readonly Stream[];
}

/** `hard`: the row goes. `soft`: it stays, with `_ab_cdc_deleted_at` set. */
export type CdcDeletes = 'hard' | 'soft';

/** What a destination is told of a stream beside the protocol's words. */
export interface Landing {
  /** Absent: the stream's own namespace, else the destination's schema. */
  readonly namespace?: string;
  /** In front of the stream's name, in its table's. */
  readonly prefix?: string;
  /** The fields that may have a column, beside those of change data capture; what records hold beside them is left out. Absent: all. */
  readonly only?: readonly string[];
  /** A table that exists takes no new columns, but for those of the key and of change data capture. */
  readonly frozen?: true;
  /** What a record of change data capture that says "deleted" does in `append_dedup`. Absent: hard. */
  readonly cdc_deletes?: CdcDeletes;
}

/** Fields of this beginning are change data capture's own: they always have a column. */
export const cdcPrefix = '_ab_cdc_';

/** A stream as chosen for a sync. `generation_id` is the age of the stream's data, nothing else. */
export interface ConfiguredStream {
  readonly stream: Stream;
  readonly sync_mode: SyncMode;
  readonly destination_sync_mode: DestinationSyncMode;
  readonly cursor_field?: readonly string[];
  readonly primary_key?: readonly (readonly string[])[];
  readonly generation_id: number;
  readonly minimum_generation_id: number;
  readonly sync_id: number;
  /** Ours: a connector never sees it. */
  readonly landing?: Landing;
}

/** True when the stream's data of lower generations is to go once this one is complete: an overwrite, or a refresh that keeps nothing. */
export function replaces({
  generation_id: own,
  minimum_generation_id: min,
}: ConfiguredStream): boolean {
  return own > 0 && own === min;
}

/** True when every sync reads the stream from its start. */
export function isReadInFull({ sync_mode }: ConfiguredStream): boolean {
  return sync_mode === 'full_refresh';
}

/** What the destination is to call the stream, before it fits names to its system. No namespace: the destination's own. */
export function landsAs({ stream, landing }: ConfiguredStream): StreamDescriptor {
  const namespace = landing?.namespace || stream.namespace;
  const name = `${landing?.prefix ?? ''}${stream.name}`;
  return { name, ...(namespace && { namespace }) };
}

export interface ConfiguredCatalog {
  readonly streams: readonly ConfiguredStream[];
}

/** The streams of which `which` holds. */
export function idsOf(
  { streams }: ConfiguredCatalog,
  which: (stream: ConfiguredStream) => boolean,
): ReadonlySet<StreamId> {
  return new Set(streams.filter(which).map(({ stream }) => streamId(stream)));
}

/** The catalog as the Airbyte protocol writes it. */
export function wireCatalog({ streams }: ConfiguredCatalog): ConfiguredCatalog {
  const told = (configured: ConfiguredStream): ConfiguredStream => {
    const { landing, ...wire } = configured;
    return landing === undefined ? configured : wire;
  };
  return { streams: streams.map(told) };
}
