import {
  streamId,
  type CdcDeletes,
  type DestinationSyncMode,
  type StreamSelection,
  type SyncMode,
} from '../protocol/index.ts';
import { choiceOf, required, textOf, type YamlValue } from './yaml-value.ts';

const streamKeys = [
  'name',
  'namespace',
  'sync_mode',
  'destination_sync_mode',
  'cursor_field',
  'primary_key',
  'columns',
  'cdc_deletes',
];
const syncModes: readonly SyncMode[] = ['full_refresh', 'incremental'];
const cdcDeletes: readonly CdcDeletes[] = ['hard', 'soft'];
const destinationSyncModes: readonly DestinationSyncMode[] = [
  'append',
  'overwrite',
  'append_dedup',
];

/** The streams of a connection file. */
export function streamsOf(value: YamlValue): readonly StreamSelection[] {
  const items = value.items();
  if (items.length === 0)
    throw value.refuse(
      'No stream is selected.',
      'Name at least one stream, or remove `streams` to take every stream.',
    );
  const seen = new Set<string>();
  return items.map((item) => {
    const stream = streamOf(item);
    const id = streamId(stream);
    if (seen.has(id))
      throw item.refuse('A stream is selected twice.', 'Keep one entry for each stream.');
    seen.add(id);
    return stream;
  });
}

function streamOf(item: YamlValue): StreamSelection {
  const short = item.text();
  if (short !== undefined && short !== '') return { name: short };
  const entry = item.entries(streamKeys);
  const {
    namespace,
    sync_mode,
    destination_sync_mode,
    cursor_field,
    primary_key,
    columns,
    cdc_deletes,
  } = entry;
  return {
    name: textOf(required(item, entry['name'], 'name')),
    ...(namespace !== undefined && { namespace: textOf(namespace) }),
    ...(sync_mode !== undefined && { sync_mode: choiceOf(sync_mode, syncModes) }),
    ...(destination_sync_mode !== undefined && {
      destination_sync_mode: choiceOf(destination_sync_mode, destinationSyncModes),
    }),
    ...(cursor_field !== undefined && { cursor_field: fieldOf(cursor_field) }),
    ...(primary_key !== undefined && { primary_key: primaryKeyOf(primary_key) }),
    ...(columns !== undefined && { columns: columnsOf(columns) }),
    ...(cdc_deletes !== undefined && { cdc_deletes: choiceOf(cdc_deletes, cdcDeletes) }),
  };
}

/** A field's path: `updated_at`, or `[meta, updated_at]` for a nested one. */
function fieldOf(value: YamlValue): readonly string[] {
  const path = value.isList() ? value.items().map(textOf) : [textOf(value)];
  if (path.length > 0) return path;
  throw value.refuse('A field was expected here.', 'Name a field, e.g. [updated_at].');
}

/** `id`, `[id, tenant]` or Airbyte's `[[id], [tenant]]`. */
function primaryKeyOf(value: YamlValue): readonly (readonly string[])[] {
  const fields = value.isList() ? value.items().map(fieldOf) : [fieldOf(value)];
  if (fields.length > 0) return fields;
  throw value.refuse('A primary key was expected here.', 'Name its fields, e.g. [[id]].');
}

function columnsOf(value: YamlValue): readonly string[] {
  const columns = value.items().map(textOf);
  if (columns.length > 0) return columns;
  throw value.refuse(
    'No column is selected.',
    'Name at least one, or remove `columns` to take every column.',
  );
}
