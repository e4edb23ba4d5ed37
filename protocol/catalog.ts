import type { JsonObject } from './json.ts';
import type { StreamDescriptor } from './stream.ts';

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

/** A stream as chosen for a sync; on the wire. `generation_id` is the age of the stream's data, nothing else. */
export interface ConfiguredStream {
  readonly stream: Stream;
  readonly sync_mode: SyncMode;
  readonly destination_sync_mode: DestinationSyncMode;
  readonly cursor_field?: readonly string[];
  readonly primary_key?: readonly (readonly string[])[];
  readonly generation_id: number;
  readonly minimum_generation_id: number;
  readonly sync_id: number;
}

/** True when the stream's data of lower generations is to go once this one is complete: an overwrite, or a refresh that keeps nothing. */
export function replaces({
  generation_id: own,
  minimum_generation_id: min,
}: ConfiguredStream): boolean {
  return own > 0 && own === min;
}

export interface ConfiguredCatalog {
  readonly streams: readonly ConfiguredStream[];
}
