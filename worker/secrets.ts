import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SyncError, type FailureOrigin, type Json, type JsonObject } from '../protocol/index.ts';
import type { Environment } from './config.ts';
import { differences, type Binding } from './bindings.ts';
import { fileName, type ConnectorEntry, type ConnectorsFile } from './connectors-file.ts';
import type { Redactor } from './redact.ts';
import { mapLeaves, type ConfigValue } from './schema.ts';

const secretFileBytesMax = 64 * 1024;

export interface SecretContext {
  readonly entry: ConnectorEntry;
  readonly file: ConnectorsFile;
  readonly environment: Environment;
  readonly redactor: Redactor;
  readonly origin: FailureOrigin;
}

/**
 * The config with every `${env:NAME}` and `${file:PATH}` replaced, whole or inside a text. Only what connectors.yaml lists for this connector
 * is resolved. Throws a config_error that names the reference, the connector and the file to edit; also when a value that the spec marks
 * `airbyte_secret` is written out instead of referred to.
 */
export function resolveSecrets(
  config: JsonObject,
  schema: JsonObject,
  context: SecretContext,
): JsonObject {
  const bound: Use[] = [];
  const resolved = mapLeaves(config, schema, (leaf) => {
    if (leaf.secret && isLiteral(leaf.value)) throw literalSecret(leaf, context);
    if (typeof leaf.value !== 'string') return leaf.value;
    const text = replaceReferences(leaf.value, leaf.path, context, bound);
    return wholeReference.test(leaf.value) ? typed(text, leaf) : text;
  });
  // Only now: what a secret is bound to may be a reference itself.
  for (const use of bound) {
    const differing = differences(use.bindings, resolved);
    if (differing.length > 0) throw otherValues(use, differing, context);
  }
  return resolved;
}

/** A reference to a bound secret. */
interface Use {
  readonly reference: string;
  readonly path: string;
  readonly bindings: readonly Binding[];
}

const reference = /\$\{(env|file):([^}]*)\}/g;
const wholeReference = /^\$\{(?:env|file):[^}]*\}$/;
/** Begins like a reference and is none. */
const brokenReference = /\$\{(?:env|file):(?:[^}]*$|\s*\})|\$\{(?:env|file)\}/;

function isLiteral(value: Json): boolean {
  if (typeof value === 'string') return value !== '' && value.search(reference) < 0;
  return typeof value === 'number';
}

function replaceReferences(
  text: string,
  path: string,
  context: SecretContext,
  bound: Use[],
): string {
  if (brokenReference.test(text))
    throw refusal('A reference in a connector config is broken.', path, context, {
      remedy: 'Write it as ${env:NAME} or ${file:PATH}.',
    });
  // Invariant: what was resolved is not searched again, so a secret that holds `${env:…}` reveals nothing.
  return text.replace(reference, (whole, kind: string, name: string) => {
    const { secrets } = context.entry;
    const file = resolve(context.file.directory, name);
    const bindings = kind === 'env' ? secrets.env.get(name) : secrets.files.get(file);
    if (bindings === undefined) throw notAllowed(whole, name, path, context);
    if (bindings.length > 0 && text !== whole) throw insideText(whole, path, context);
    if (bindings.length > 0) bound.push({ reference: whole, path, bindings });
    const value =
      kind === 'env'
        ? fromEnvironment(whole, name, path, context)
        : fromFile(whole, file, path, context);
    context.redactor.remember(value);
    return value;
  });
}

function fromEnvironment(
  whole: string,
  name: string,
  path: string,
  context: SecretContext,
): string {
  const value = context.environment[name];
  if (value !== undefined && value !== '') return value;
  throw refusal('A secret that a connector config refers to is not set.', path, context, {
    reference: whole,
    remedy: `Set the variable ${name} in the environment of the worker and restart it.`,
  });
}

function fromFile(whole: string, file: string, path: string, context: SecretContext): string {
  let reason: string;
  try {
    const bytes = readFileSync(file);
    // Editors and `echo` end a file with a newline; the secret does not have it.
    const value = bytes.toString('utf8').replace(/\r?\n$/, '');
    if (bytes.length <= secretFileBytesMax && value !== '') return value;
    reason = value === '' ? 'is empty' : `is larger than ${secretFileBytesMax} bytes`;
  } catch (cause) {
    reason = `cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'unknown'}`;
  }
  throw refusal('A secret file that a connector config refers to cannot be used.', path, context, {
    reference: whole,
    remedy: `Correct ${file} on the worker's machine; it ${reason}.`,
  });
}

/** Where the spec wants a number or boolean, a whole reference gives one. */
function typed(text: string, { schemas }: ConfigValue): Json {
  const types = schemas.flatMap(({ type }) => (Array.isArray(type) ? (type as Json[]) : [type]));
  if (types.includes('string') || types.every((type) => type === undefined)) return text;
  if (types.includes('boolean') && /^(true|false)$/.test(text)) return text === 'true';
  const number = types.includes('integer') || types.includes('number');
  return number && /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

function notAllowed(whole: string, name: string, path: string, context: SecretContext): SyncError {
  const { entry, file } = context;
  return refusal('A connector config refers to a secret that it is not allowed.', path, context, {
    reference: whole,
    remedy: `If this connector may have it, list it on the worker: in ${fileName(file)}, connectors: ${entry.name}: secrets: [${name}]. Then restart the worker.`,
  });
}

function otherValues(
  { reference: whole, path }: Use,
  differing: readonly string[],
  context: SecretContext,
): SyncError {
  return refusal('A secret is used with other values than it is bound to.', path, context, {
    reference: whole,
    remedy: `Correct ${differing.join(' and ')} in this config, or the secret's only_with in ${fileName(context.file)} and restart the worker.`,
  });
}

/** As a part of a longer text, such as a URL, it could be sent to where that text says. */
function insideText(whole: string, path: string, context: SecretContext): SyncError {
  return refusal('A bound secret stands inside a longer text.', path, context, {
    reference: whole,
    remedy: `Write ${whole} by itself, where the connector takes only the secret, or list a secret in ${fileName(context.file)} that is the whole text.`,
  });
}

function literalSecret({ path }: ConfigValue, context: SecretContext): SyncError {
  return refusal('A secret is written out in a connector config.', path, context, {
    remedy: `Put the value into a variable or file of the worker, list that for ${context.entry.name} under secrets in ${fileName(context.file)}, and write \${env:NAME} or \${file:PATH} here. If the value was shared, change it.`,
  });
}

function refusal(
  message: string,
  path: string,
  { entry, origin }: SecretContext,
  { reference: whole, remedy }: { reference?: string; remedy: string },
): SyncError {
  return new SyncError('config_error', message, {
    origin,
    place: `${entry.name} ${path}${whole === undefined ? '' : ` ${whole}`}`,
    remedy,
    facts: { connector: entry.name, path, ...(whole !== undefined && { reference: whole }) },
  });
}
