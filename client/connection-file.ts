import { readFile } from 'node:fs/promises';
import {
  isObject,
  sourceNamespace,
  SyncError,
  type ConnectionSpec,
  type ConnectorRef,
} from '../protocol/index.ts';
import { policyOf } from './policy-file.ts';
import { scheduleOf } from './schedule-file.ts';
import { streamsOf } from './streams-file.ts';
import { parseYaml, required, textOf, type YamlValue } from './yaml-value.ts';

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const connectionKeys = [
  'name',
  'source',
  'destination',
  'streams',
  'namespace',
  'prefix',
  'schedule',
  'policy',
];
const endKeys = ['connector', 'config'];

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
  const { streams, namespace, prefix, schedule } = entry;
  return {
    name: nameOf(required(root, entry['name'], 'name')),
    source: endOf(required(root, entry['source'], 'source')),
    destination: endOf(required(root, entry['destination'], 'destination')),
    ...(streams !== undefined && { streams: streamsOf(streams) }),
    ...(namespace !== undefined && { namespace: templateOf(namespace, [sourceNamespace]) }),
    ...(prefix !== undefined && { prefix: templateOf(prefix, []) }),
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

/** A text whose placeholders are all among `known`. */
function templateOf(value: YamlValue, known: readonly string[]): string {
  const text = textOf(value);
  const found = text.match(/\$\{[^}]*\}?/g) ?? [];
  if (found.every((placeholder) => known.includes(placeholder))) return text;
  throw value.refuse(
    'The value holds an unknown placeholder.',
    known.length === 0 ? 'Write it out: none is known here.' : `Use ${known.join(', ')}.`,
  );
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
