import { readFile } from 'node:fs/promises';
import {
  isObject,
  streamId,
  SyncError,
  type ConnectionSpec,
  type ConnectorRef,
  type DestinationSyncMode,
  type StreamSelection,
  type SyncMode,
} from '../protocol/index.ts';
import { policyOf } from './policy-file.ts';
import { scheduleOf } from './schedule-file.ts';
import { choiceOf, parseYaml, type YamlValue } from './yaml-value.ts';

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const connectionKeys = ['name', 'source', 'destination', 'streams', 'schedule', 'policy'];
const endKeys = ['connector', 'config'];
const streamKeys = [
  'name',
  'namespace',
  'sync_mode',
  'destination_sync_mode',
  'cursor_field',
  'primary_key',
];
const syncModes: readonly SyncMode[] = ['full_refresh', 'incremental'];
const destinationSyncModes: readonly DestinationSyncMode[] = [
  'append',
  'overwrite',
  'append_dedup',
];

/** Reads a connection file. Throws a config_error that names file (as `shown`), line and column. */
export async function readConnectionFile(path: string, shown = path): Promise<ConnectionSpec> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new SyncError('config_error', 'The connection file cannot be read.', {
      origin: 'tidemark',
      place: `${shown} (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      remedy: 'Correct the path, or create the file.',
      cause,
    });
  }
  return parseConnection(text, shown);
}

/** `file` is for error messages only. */
export function parseConnection(text: string, file: string): ConnectionSpec {
  const root = parseYaml(text, file);
  const entry = root.entries(connectionKeys);
  const streams = entry['streams'];
  const schedule = entry['schedule'];
  return {
    name: nameOf(required(root, entry['name'], 'name')),
    source: endOf(required(root, entry['source'], 'source')),
    destination: endOf(required(root, entry['destination'], 'destination')),
    ...(streams !== undefined && { streams: streamsOf(streams) }),
    ...(schedule !== undefined && { schedule: scheduleOf(schedule) }),
    policy: policyOf(entry['policy']),
  };
}

/** A connection's name as a person types it, checked. */
export function checkConnectionName(name: string): string {
  if (namePattern.test(name)) return name;
  throw new SyncError('config_error', 'This is not a connection name.', {
    origin: 'tidemark',
    place: JSON.stringify(name),
    remedy: nameRule,
  });
}

const nameRule =
  'Use 1 to 63 lower-case letters, digits, "-" and "_", starting with a letter or digit.';

function nameOf(value: YamlValue): string {
  const name = value.text();
  if (name !== undefined && namePattern.test(name)) return name;
  throw value.refuse('This is not a connection name.', nameRule);
}

function required(parent: YamlValue, value: YamlValue | undefined, key: string): YamlValue {
  if (value !== undefined) return value;
  throw parent.refuse('A required key is missing.', `Add ${key}.`);
}

function endOf(value: YamlValue): ConnectorRef {
  const { connector, config } = value.entries(endKeys);
  const name = required(value, connector, 'connector');
  const text = name.text();
  if (text === undefined || text === '')
    throw name.refuse('This is not the name of a connector.', 'Write its name as a text.');
  if (config === undefined) return { connector: text, config: {} };
  const json = config.json();
  if (!isObject(json))
    throw config.refuse('A mapping was expected here.', "Write the connector's own settings.");
  return { connector: text, config: json };
}

function streamsOf(value: YamlValue): readonly StreamSelection[] {
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
  const { namespace, sync_mode, destination_sync_mode, cursor_field, primary_key } = entry;
  return {
    name: textOf(required(item, entry['name'], 'name')),
    ...(namespace !== undefined && { namespace: textOf(namespace) }),
    ...(sync_mode !== undefined && { sync_mode: choiceOf(sync_mode, syncModes) }),
    ...(destination_sync_mode !== undefined && {
      destination_sync_mode: choiceOf(destination_sync_mode, destinationSyncModes),
    }),
    ...(cursor_field !== undefined && { cursor_field: fieldOf(cursor_field) }),
    ...(primary_key !== undefined && { primary_key: primaryKeyOf(primary_key) }),
  };
}

function textOf(value: YamlValue): string {
  const text = value.text();
  if (text !== undefined && text !== '') return text;
  throw value.refuse('A text was expected here.', 'Write a name (in quotes if it is a number).');
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
