import { Ajv, type ErrorObject } from 'ajv';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';
import { isObject, type Json, type JsonObject } from '../../protocol/index.ts';
import { typeOf, type Field } from './fields.ts';

const reference = /^\$\{(?:env|file):[^}]+\}$/;
/** In capitals only: a password that was typed by mistake hardly looks like this. */
const variableName = /^[A-Z_][A-Z0-9_]*$/;
const mistakesMax = 5;

/** A text as a person typed it, as the value that a field takes; or what is wrong with it, which never holds the text. */
export type Read = { readonly value: Json } | { readonly mistake: string };

export function readValue(text: string, { schema, secret }: Field, root: JsonObject): Read {
  if (secret) return readSecret(text);
  if (reference.test(text)) return { value: text };
  if (holdsSecrets(schema, root))
    return { mistake: 'holds secrets: write it in the file, with ${env:NAME} in their places' };
  const type = typeOf(schema);
  let value: Json = text;
  if (type !== 'string') {
    try {
      value = parse(text) as Json;
    } catch {
      return { mistake: `is not a value of type ${type ?? 'YAML'}` };
    }
  }
  const mistakes = mistakesIn(value, { ...definitionsOf(root), ...schema });
  return mistakes.length === 0 ? { value } : { mistake: mistakes.join('; ') };
}

/** A whole list or mapping with secrets among its members. */
function holdsSecrets(schema: JsonObject, root: JsonObject): boolean {
  const text = JSON.stringify(schema);
  const all = text.includes('"$ref"') ? text + JSON.stringify(definitionsOf(root)) : text;
  return all.includes('"airbyte_secret":true');
}

/** What `$ref`s inside of a field point at. */
function definitionsOf({ definitions, $defs }: JsonObject): JsonObject {
  return {
    ...(definitions !== undefined && { definitions }),
    ...($defs !== undefined && { $defs }),
  };
}

/** A secret is never taken itself: only the name of what will hold it. */
function readSecret(text: string): Read {
  if (reference.test(text)) return { value: text };
  if (variableName.test(text)) return { value: `\${env:${text}}` };
  return {
    mistake:
      'is a secret: give the name of an environment variable of the worker, in capitals (or ${env:NAME}), never the secret itself',
  };
}

/** What of a value does not fit its schema; never a value. What is referred to is only known in the worker, and is not looked at. */
export function mistakesIn(value: Json, schema: JsonObject): readonly string[] {
  const ajv = new Ajv({
    ...{ strict: false, allErrors: true, validateSchema: false, addUsedSchema: false },
    ...{ unicodeRegExp: false, logger: false },
    verbose: true,
  });
  addFormats.default(ajv);
  let validate: ReturnType<Ajv['compile']>;
  try {
    validate = ajv.compile(unbound(schema) as JsonObject);
  } catch {
    // A spec that cannot be used: the connector's own check decides, as in the worker.
    return [];
  }
  if (validate(value)) return [];
  const errors = validate.errors ?? [];
  const excused = errors.filter(({ data }) => typeof data === 'string' && reference.test(data));
  const isFrame = ({ keyword, instancePath }: ErrorObject): boolean =>
    ['oneOf', 'anyOf', 'if'].includes(keyword) &&
    excused.some((one) => one.instancePath.startsWith(instancePath));
  const left = errors.filter((error) => !excused.includes(error) && !isFrame(error));
  return [...new Set(left.map(mistakeText))].slice(0, mistakesMax);
}

/** The schema with nothing asked of secrets: it is a name that stands there. */
function unbound(schema: Json): Json {
  if (Array.isArray(schema)) return (schema as Json[]).map(unbound);
  if (!isObject(schema)) return schema;
  if (schema['airbyte_secret'] === true) return {};
  return Object.fromEntries(
    Object.entries(schema).map(([key, part]) => [key, unbound(part ?? null)]),
  );
}

function mistakeText({ instancePath, keyword, params, message }: ErrorObject): string {
  const allowed = (params as { allowedValues?: readonly unknown[] }).allowedValues;
  const what =
    allowed === undefined
      ? (message ?? `fails ${keyword}`)
      : `must be one of ${allowed.map(String).join(', ')}`;
  return instancePath === '' ? what : `${instancePath} ${what}`;
}
