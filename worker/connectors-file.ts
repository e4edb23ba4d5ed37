import { dirname, resolve } from 'node:path';
import { SyncError } from '../protocol/index.ts';
import { nearest, suggestion } from '../protocol/nearest.ts';
import { readBinding, type Binding } from './bindings.ts';
import { readContainer } from './container-keys.ts';
import type { ContainerSettings } from './runners/docker.ts';
import { readYaml, type YamlValue } from './yaml-file.ts';

export type Runner = 'native' | 'exec' | 'pypi' | 'docker';

/** By name; with the values of a config that each is bound to, in one way or another. None: it is free. */
export type Secrets = ReadonlyMap<string, readonly Binding[]>;

/** What one connector may be, run and see. */
export interface ConnectorEntry {
  readonly name: string;
  readonly runner: Runner;
  /** null: native connectors, which may be both. */
  readonly kind: 'source' | 'destination' | null;
  /** Never run by a shell. */
  readonly command: readonly string[] | null;
  /** What pip installs. */
  readonly package: string | null;
  /** null: it runs in none. */
  readonly container: ContainerSettings | null;
  /** Variables and absolute paths of files that its config may refer to. */
  readonly secrets: { readonly env: Secrets; readonly files: Secrets };
  /** What its config must hold to act with the worker's own credentials, in one way or another; none: anything. null: it may not. */
  readonly ambient: readonly Binding[] | null;
  /** Variables that its process is given. */
  readonly env: readonly string[];
  /** Whether it changes its own config, as one does whose refresh token works once. null: the file does not say. */
  readonly rotates: boolean | null;
  /** The file and line that say so; null: not in the file. */
  readonly place: string | null;
}

/** connectors.yaml: what this worker may run, read and reveal. */
export interface ConnectorsFile {
  /** null: there is no file. */
  readonly path: string | null;
  /** Relative paths in configs start here. */
  readonly directory: string;
  readonly entries: ReadonlyMap<string, ConnectorEntry>;
  /** Absolute paths of what file-like ends may touch. */
  readonly directories: readonly string[];
}

const ofPrograms = ['kind', 'runner', 'secrets', 'env', 'rotates'];
const entryKeys = [
  ...[...ofPrograms, 'command', 'package', 'credentials'],
  ...['image', 'network', 'memory', 'cpus'],
];
const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const connectorName = /^[A-Za-z0-9][\w.-]{0,63}$/;

/**
 * Reads connectors.yaml, or makes what holds without one: the native connectors with no secret and no directory.
 * Throws a config_error with file, line and column at the first mistake.
 */
export function readConnectorsFile(
  path: string | null,
  natives: readonly string[],
  cwd: string,
): ConnectorsFile {
  const entries = new Map(natives.map((name) => [name, nativeEntry(name)]));
  if (path === null) return { path, directory: cwd, entries, directories: [] };
  const directory = dirname(resolve(cwd, path));
  const top = readYaml(path).map('connectors.yaml', ['connectors', 'directories']);
  for (const [name, value] of top.get('connectors')?.map('connectors') ?? [])
    entries.set(name, readEntry(name, value, { natives, directory }));
  const directories = (top.get('directories')?.list('directories') ?? []).map((value) =>
    resolve(directory, value.text('a directory')),
  );
  return { path, directory, entries, directories };
}

/** The entry of a connector. Throws a config_error that lists the names there are. */
export function entryOf(
  file: ConnectorsFile,
  name: string,
  origin: 'source' | 'destination' | 'tidemark',
): ConnectorEntry {
  const entry = file.entries.get(name);
  if (entry !== undefined) return entry;
  const known = [...file.entries.keys()].sort();
  throw new SyncError('config_error', 'This worker has no connector of that name.', {
    origin,
    place: name,
    remedy: `Add ${name} to ${fileName(file)}, or use one that is there: ${known.join(', ')}.${hint(name, known)}`,
    facts: { connector: name, known },
  });
}

/** connectors.yaml for people, also when it is to be created. */
export function fileName(file: ConnectorsFile): string {
  return file.path ?? 'connectors.yaml beside the worker (or TIDEMARK_CONNECTORS)';
}

function hint(name: string, known: readonly string[]): string {
  const meant = nearest(name, known);
  return meant === undefined ? '' : ` Did you mean ${meant}?`;
}

function nativeEntry(name: string): ConnectorEntry {
  return {
    name,
    runner: 'native',
    kind: null,
    command: null,
    package: null,
    container: null,
    secrets: { env: new Map(), files: new Map() },
    ambient: null,
    env: [],
    rotates: false,
    place: null,
  };
}

interface EntryContext {
  readonly natives: readonly string[];
  readonly directory: string;
}

function readEntry(name: string, value: YamlValue, context: EntryContext): ConnectorEntry {
  if (!connectorName.test(name))
    throw value.refuse(
      'A connector has a name that is not allowed.',
      'Use letters, digits and . _ -, at most 64, beginning with a letter or digit.',
    );
  const keys = value.map(`connector ${name}`, entryKeys);
  const runner = readRunner(name, value, keys.get('runner'), context.natives);
  refuseKeys(name, runner, keys);
  const kind = keys.get('kind') === undefined ? null : oneOf(keys.get('kind')!, kinds, 'kind');
  if (runner !== 'native' && kind === null)
    throw value.refuse(
      'A connector lacks its kind.',
      `Add \`kind: source\` or \`kind: destination\` to ${name}.`,
    );
  return {
    name,
    runner,
    kind,
    command: readCommand(name, runner, value, keys.get('command')),
    package: readPackage(name, runner, value, keys.get('package')),
    container: runner === 'docker' ? readContainer(name, value, keys) : null,
    secrets: readSecrets(keys.get('secrets'), context.directory),
    ambient: readAmbient(keys.get('credentials')),
    env: (keys.get('env')?.list('env') ?? []).map(readVariable),
    rotates: readRotates(keys.get('rotates')),
    place: value.place,
  };
}

const kinds = ['source', 'destination'] as const;
const runners = ['exec', 'pypi', 'docker'] as const;

function readRunner(
  name: string,
  entry: YamlValue,
  value: YamlValue | undefined,
  natives: readonly string[],
): Runner {
  const native = natives.includes(name);
  if (value === undefined && native) return 'native';
  if (value === undefined)
    throw entry.refuse(
      'A connector lacks its runner.',
      `Add \`runner: exec\`, \`runner: pypi\` or \`runner: docker\` to ${name}.${hint(name, natives)} Native connectors, which need none: ${natives.join(', ')}.`,
    );
  if (native)
    throw value.refuse(
      'A connector takes the name of a native one.',
      `Give it another name, or remove its runner to configure the native ${name}.`,
    );
  return oneOf(value, runners, 'runner');
}

const keysByRunner: Record<Runner, readonly string[]> = {
  native: ['secrets', 'credentials'],
  exec: [...ofPrograms, 'command'],
  pypi: [...ofPrograms, 'package', 'command'],
  docker: [...ofPrograms, 'image', 'network', 'memory', 'cpus'],
};

function refuseKeys(name: string, runner: Runner, keys: ReadonlyMap<string, YamlValue>): void {
  for (const [key, value] of keys)
    if (!keysByRunner[runner].includes(key))
      throw value.refuse(
        'A connector has a key that its runner does not take.',
        `Remove ${key} from ${name}: a connector that is ${runner} takes ${keysByRunner[runner].join(', ')}.`,
      );
}

function readCommand(
  name: string,
  runner: Runner,
  entry: YamlValue,
  value: YamlValue | undefined,
): readonly string[] | null {
  const command = value?.list(`the command of ${name}`).map((part) => part.scalar('an argument'));
  if (command !== undefined && command.length > 0 && command[0] !== '') return command;
  if (runner === 'exec' || command !== undefined)
    throw (value ?? entry).refuse(
      'A connector lacks its command.',
      `Give ${name} a command as a list: command: [node, ./my-source.js]`,
    );
  return null;
}

function readPackage(
  name: string,
  runner: Runner,
  entry: YamlValue,
  value: YamlValue | undefined,
): string | null {
  if (value !== undefined) return value.text(`the package of ${name}`);
  if (runner !== 'pypi') return null;
  throw entry.refuse(
    'A connector lacks its package.',
    `Give ${name} what pip installs, with its version: package: airbyte-source-example==1.2.3`,
  );
}

function readSecrets(value: YamlValue | undefined, directory: string): ConnectorEntry['secrets'] {
  const env = new Map<string, readonly Binding[]>();
  const files = new Map<string, readonly Binding[]>();
  for (const item of value?.list('secrets') ?? []) {
    const [secret, bindings] = readSecret(item);
    const isVariable = variableName.test(secret);
    const name = isVariable ? secret : resolve(directory, secret);
    const list = isVariable ? env : files;
    const before = list.get(name);
    if (before !== undefined && (before.length === 0) !== (bindings.length === 0))
      throw item.refuse(
        'A secret is listed both bound and unbound.',
        `Remove one of the entries of ${secret}.`,
      );
    list.set(name, [...(before ?? []), ...bindings]);
  }
  return { env, files };
}

/** A name, or a mapping that binds it. */
function readSecret(item: YamlValue): readonly [string, readonly Binding[]] {
  if (!item.isMapping) return [bareName(item), []];
  const keys = item.map('a secret', ['name', 'only_with']);
  const name = keys.get('name');
  if (name === undefined)
    throw item.refuse('A secret lacks its name.', 'Add the variable or file: name: API_TOKEN');
  const given = keys.get('only_with');
  const binding = given === undefined ? [] : readBinding(given);
  if (binding.length > 0) return [bareName(name), [binding]];
  throw item.refuse(
    'A secret is bound to nothing.',
    'Name what its config must hold, such as only_with: { host: db.internal }, or list the bare name.',
  );
}

/** A list like that of secrets, of `ambient`: bare, or bound in one way or another. */
function readAmbient(value: YamlValue | undefined): readonly Binding[] | null {
  if (value === undefined) return null;
  const all = value.list('credentials').map((item): readonly Binding[] => {
    const [name, bindings] = readSecret(item);
    if (name === 'ambient') return bindings;
    throw item.refuse(
      'A connector has credentials that are not known.',
      'List ambient, which are the worker’s own: credentials: [ambient]',
    );
  });
  if (all.length === 0) return null;
  // One that is bare frees all.
  return all.some((bindings) => bindings.length === 0) ? [] : all.flat();
}

function bareName(value: YamlValue): string {
  const secret = value.text('a secret');
  if (!secret.includes('${')) return secret;
  throw value.refuse(
    'A secret is listed as a reference.',
    'List the bare name of a variable (API_TOKEN) or the path of a file (./token).',
  );
}

function readRotates(value: YamlValue | undefined): boolean | null {
  return value === undefined ? null : oneOf(value, ['true', 'false'], 'rotates') === 'true';
}

function readVariable(value: YamlValue): string {
  const name = value.text('a variable');
  if (variableName.test(name)) return name;
  throw value.refuse(
    'A variable has a name that is not allowed.',
    'List names only, without values: env: [HTTPS_PROXY]',
  );
}

function oneOf<T extends string>(value: YamlValue, allowed: readonly T[], what: string): T {
  const text = value.scalar(what);
  const found = allowed.find((option) => option === text);
  if (found !== undefined) return found;
  throw value.refuse(
    'A connector has a value that is not allowed.',
    `Correct ${what}. ${suggestion(text, allowed)}`,
  );
}
