import { randomUUID } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { isMap, parseDocument, type Document } from 'yaml';
import { SyncError } from '../protocol/index.ts';

const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export interface ConnectorEntry {
  readonly kind: string;
  readonly runner: string;
  readonly package?: string;
  readonly image?: string;
  readonly command?: readonly string[];
}

/** Adds a connector to a connectors.yaml, which is made if it is missing; comments and order stay. Throws a config_error when the name is taken. */
export async function addToConnectorsFile(
  file: string,
  name: string,
  entry: ConnectorEntry,
): Promise<void> {
  checkEntry(name, entry);
  const document = await openConnectorsFile(file);
  if (document.hasIn(['connectors', name]))
    throw refused(
      'A connector of this name is there already.',
      `${file}: connectors.${name}`,
      'Choose another name, or edit the file.',
    );
  if (!isMap(document.get('connectors'))) document.set('connectors', document.createNode({}));
  document.setIn(['connectors', name], flowNode(document, entry));
  await saveConnectorsFile(file, document);
}

/** The file's document, whose `connectors` is a mapping; an empty one if the file is missing. */
export async function openConnectorsFile(file: string): Promise<Document> {
  const document: Document = parseDocument(await textOf(file));
  const [error] = document.errors;
  if (error !== undefined)
    throw refused('The file is not valid YAML.', `${file}: ${error.message}`, 'Correct it first.');
  if (document.contents !== null && !isMap(document.contents))
    throw refused('The file does not hold a mapping.', file, 'Start it with `connectors:`.');
  const existing = document.get('connectors');
  if (existing !== undefined && existing !== null && !isMap(existing))
    throw refused('The file does not hold a mapping.', `${file}: connectors`, 'Write `name: {…}`.');
  return document;
}

/** Comments and order stay. */
export function saveConnectorsFile(file: string, document: Document): Promise<void> {
  return replace(file, document.toString({ lineWidth: 0 }));
}

function checkEntry(name: string, entry: ConnectorEntry): void {
  if (!namePattern.test(name))
    throw refused(
      'This is not a connector name.',
      JSON.stringify(name),
      'Use 1 to 63 lower-case letters, digits, "-" and "_".',
    );
  const { runner } = entry;
  const [key, example] = needs[runner] ?? [];
  if (key !== undefined && entry[key] === undefined)
    throw refused(`A connector that is ${runner} needs its ${key}.`, name, `Add ${example}.`);
  for (const other of ['package', 'image', 'command'] as const)
    if (entry[other] !== undefined && other !== key && !(runner === 'pypi' && other === 'command'))
      throw refused(`A connector that is ${runner} has no ${other}.`, name, `Remove --${other}.`);
}

/** What an entry can't do without, by its runner, and how it is written. */
const needs: Readonly<
  Record<string, readonly ['package' | 'image' | 'command', string] | undefined>
> = {
  exec: ['command', '--command "<program> …"'],
  pypi: ['package', '--package name==version'],
  docker: ['image', '--image name:tag'],
};

function flowNode(document: Document, entry: ConnectorEntry): unknown {
  return document.createNode(entry, { flow: true });
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return '';
    throw refused(
      'The file cannot be read.',
      `${file} (${code ?? 'unknown error'})`,
      'Correct its path or its rights.',
    );
  }
}

/** Whole or not at all: a worker may read the file at any time. */
async function replace(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomUUID()}`;
  try {
    await writeFile(beside, text);
    await rename(beside, file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw refused(
      'The file cannot be written.',
      `${file} (${code ?? 'unknown error'})`,
      'Correct its path or its rights.',
    );
  }
}

function refused(message: string, place: string, remedy: string): SyncError {
  return new SyncError('config_error', message, { origin: 'tidemark', place, remedy });
}
