import { statSync } from 'node:fs';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { isMap, isSeq, type Document } from 'yaml';
import { SyncError } from '../protocol/index.ts';
import { openConnectorsFile, saveConnectorsFile } from './connectors-file.ts';

/** A variable that a connector's config refers to. */
export interface SecretUse {
  readonly connector: string;
  readonly variable: string;
}

/** What a connection needs of its worker's connectors.yaml. */
export interface Needs {
  readonly secrets: readonly SecretUse[];
  /** Relative ones start at the directory of connectors.yaml. */
  readonly paths: readonly string[];
}

/** What the file lacks: as lines to be added to it. */
export interface Lacking {
  readonly secrets: readonly SecretUse[];
  readonly directories: readonly string[];
}

/** What of the needs the file does not grant yet. The worker decides: it also follows symbolic links. */
export async function lackingIn(file: string, needs: Needs): Promise<Lacking> {
  const document = await openConnectorsFile(file);
  const base = dirname(resolve(file));
  const listed = listOf(document, ['directories']).map((one) => resolve(base, String(one)));
  const wanted = needs.paths
    .map((path) => resolve(base, path))
    .filter((path) => !listed.some((directory) => isInside(path, directory)))
    .map((path) => (isDirectory(path) ? path : dirname(path)));
  const directories = [...new Set(wanted)].filter(
    (one) => !wanted.some((other) => other !== one && isInside(one, other)),
  );
  return {
    secrets: needs.secrets.filter(({ connector, variable }) => {
      const names = listOf(document, ['connectors', connector, 'secrets']).map(nameOf);
      return !names.includes(variable);
    }),
    directories: directories.map((path) => shownFrom(base, path)),
  };
}

export function isLacking({ secrets, directories }: Lacking): boolean {
  return secrets.length > 0 || directories.length > 0;
}

/** Adds what is lacking; comments and order of the file stay. */
export async function grant(file: string, { secrets, directories }: Lacking): Promise<void> {
  const document = await openConnectorsFile(file);
  for (const { connector, variable } of secrets)
    append(document, ['connectors', connector, 'secrets'], variable, file);
  for (const directory of directories) append(document, ['directories'], directory, file);
  await saveConnectorsFile(file, document);
}

/** The same for a person to add. */
export function lackingLines({ secrets, directories }: Lacking): readonly string[] {
  const byConnector = new Map<string, string[]>();
  for (const { connector, variable } of secrets)
    byConnector.set(connector, [...(byConnector.get(connector) ?? []), variable]);
  return [
    ...(byConnector.size > 0 ? ['connectors:'] : []),
    ...[...byConnector].map(([name, names]) => `  ${name}: { secrets: [${names.join(', ')}] }`),
    ...(directories.length > 0 ? [`directories: [${directories.join(', ')}]`] : []),
  ];
}

function append(document: Document, path: readonly string[], value: string, file: string): void {
  const at = document.getIn(path);
  if (at !== undefined && at !== null && !isSeq(at))
    throw new SyncError('config_error', 'The file does not hold a list here.', {
      origin: 'tidemark',
      place: `${file}: ${path.join('.')}`,
      remedy: 'Write it as a list: [a, b].',
    });
  if (isSeq(at)) {
    document.addIn(path, value);
    return;
  }
  // An entry without settings reads `name:`; nothing can be set in it.
  for (let i = 1; i < path.length; i += 1) {
    const parent = path.slice(0, i);
    if (!isMap(document.getIn(parent)))
      document.setIn(parent, document.createNode({}, { flow: i > 1 }));
  }
  document.setIn(path, document.createNode([value], { flow: true }));
}

function listOf(document: Document, path: readonly string[]): readonly unknown[] {
  const at = document.getIn(path);
  return isSeq(at) ? (at.toJSON() as unknown[]) : [];
}

/** `NAME`, or `{ name: NAME, only_with: … }`. */
function nameOf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null ? (entry as { name?: unknown }).name : entry;
}

function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function shownFrom(base: string, path: string): string {
  const way = relative(base, path);
  if (way === '') return '.';
  return isInside(path, base) ? `./${way}` : path;
}
