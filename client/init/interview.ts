import { isObject, SyncError, type Json, type JsonObject } from '../../protocol/index.ts';
import {
  fieldsOf,
  fixedValue,
  isGroup,
  merged,
  propertiesOf,
  requiredOf,
  variantName,
  variantsOf,
  type Field,
  type Group,
} from './fields.ts';
import { refuseUnknown, type Given } from './given.ts';
import { readValue, type Read } from './values.ts';

/** A field with what it was given. Neither value nor members: it is left out. */
export interface Answer {
  readonly field: Field;
  readonly value?: Json;
  readonly members?: readonly Answer[];
}

/** The person, or nobody: then what is not given and has no default is refused. */
export interface Asker {
  /** null: nobody is asked. */
  readonly ask: ((question: string) => Promise<string>) | null;
  readonly say: (line: string) => void;
  /** Fields that may be left out are offered too. */
  readonly offersOptional: boolean;
}

/** An asker that has somebody to ask. */
export interface Chooser {
  readonly ask: NonNullable<Asker['ask']>;
  readonly say: Asker['say'];
}

const triesMax = 3;

/** Goes through the fields of a spec: what was given, then what the person answers, then defaults. */
export async function interview(
  group: Group,
  given: Given,
  asker: Asker,
): Promise<readonly Answer[]> {
  const variants = variantsOf(group);
  const variant = variants.length === 0 ? {} : await chooseVariant(group, variants, given, asker);
  const whole: Group = { ...group, schema: merged(group.schema, variant) };
  const fields = fieldsOf(whole);
  refuseUnknown(
    given,
    fields.map(({ key }) => key),
    group.path,
  );
  const answers = new Map<string, Answer>();
  for (const field of fields)
    if (field.required || given.has(field.key))
      answers.set(field.key, await answerTo(field, group.root, given.get(field.key), asker));
  if (asker.offersOptional) await offer(fields, answers, group, asker);
  return fields.map((field) => answers.get(field.key) ?? { field });
}

/** The config that the answers make. */
export function configOf(answers: readonly Answer[]): JsonObject {
  const entries = answers.flatMap(({ field, value, members }): [string, Json][] => {
    if (members !== undefined) return [[field.key, configOf(members)]];
    return value === undefined ? [] : [[field.key, value]];
  });
  return Object.fromEntries(entries);
}

async function answerTo(
  field: Field,
  root: JsonObject,
  given: string | Given | undefined,
  asker: Asker,
): Promise<Answer> {
  const fixed = fixedValue(field.schema);
  if (fixed !== undefined && given === undefined) return { field, value: fixed };
  if (typeof given !== 'string' && isGroup(field.schema)) {
    const { path, schema, secret } = field;
    const inner = given ?? (new Map() as Given);
    return { field, members: await interview({ path, schema, secret, root }, inner, asker) };
  }
  if (typeof given === 'object')
    throw refused('A setting has no settings of its own.', field.path, 'Give it one value.');
  if (given !== undefined) {
    const read = readValue(given, field, root);
    if ('value' in read) return { field, value: read.value };
    throw refused('A setting does not fit its spec.', field.path, `It ${read.mistake}.`);
  }
  return { field, value: await asked(field, root, asker) };
}

async function asked(field: Field, root: JsonObject, { ask, say }: Asker): Promise<Json> {
  const { path, schema, secret } = field;
  const byDefault = schema['default'] as Json | undefined;
  if (ask === null) {
    if (byDefault !== undefined && !secret) return byDefault;
    const value = secret ? 'NAME_OF_A_VARIABLE' : '…';
    throw refused(
      'A required setting is missing.',
      path,
      `Add --set ${path}=${value}. ${hintsOf(field)}`,
    );
  }
  say(`${path}: ${hintsOf(field)}`);
  let read: Read = { mistake: 'is required' };
  for (let i = 0; i < triesMax; i += 1) {
    const text = (await ask(secret ? `${path}, name of its variable: ` : `${path}: `)).trim();
    if (text === '' && byDefault !== undefined && !secret) return byDefault;
    read = text === '' ? { mistake: 'is required' } : readValue(text, field, root);
    if ('value' in read) return read.value;
    say(`  It ${read.mistake}.`);
  }
  throw refused('A setting was not answered.', path, 'Try again.');
}

/** Title, description and what it may be, in one line. */
export function hintsOf({ schema, secret }: Field): string {
  const { title, description, enum: list, examples, default: byDefault } = schema;
  const hints = [
    ...(Array.isArray(list) ? [`one of ${list.map(shown).join(', ')}`] : []),
    ...(Array.isArray(examples) && examples.length > 0 ? [`e.g. ${shown(examples[0])}`] : []),
    ...(byDefault !== undefined && !secret ? [`default ${shown(byDefault)}`] : []),
    ...(secret ? ['a secret: the name of an environment variable of the worker'] : []),
  ];
  const text = [title, description]
    .filter((part): part is string => typeof part === 'string' && part !== '')
    .map((part) => `${part.trim().replace(/\s+/g, ' ').replace(/\.$/, '')}.`);
  return [...text, ...(hints.length > 0 ? [`(${hints.join('; ')})`] : [])].join(' ');
}

async function offer(
  fields: readonly Field[],
  answers: Map<string, Answer>,
  { path, root }: Group,
  asker: Asker,
): Promise<void> {
  for (;;) {
    const left = fields.filter(({ key }) => !answers.has(key));
    if (left.length === 0 || asker.ask === null) return;
    asker.say(`More settings of ${path}: ${left.map(({ key }) => key).join(', ')}.`);
    const key = (await asker.ask('Name one to set it (Enter: go on): ')).trim();
    if (key === '') return;
    const field = left.find((one) => one.key === key);
    if (field === undefined) asker.say('  There is none of that name left.');
    else answers.set(key, await answerTo(field, root, undefined, asker));
  }
}

async function chooseVariant(
  { path }: Group,
  variants: readonly JsonObject[],
  given: Given,
  { ask, say }: Asker,
): Promise<JsonObject> {
  const possible = variants.filter((variant) => allows(variant, given));
  const meant = given.size === 0 ? [] : possible.filter((variant) => isGivenBy(variant, given));
  if (meant.length > 0) return meant[0]!;
  if (possible.length === 1) return possible[0]!;
  const names = (possible.length === 0 ? variants : possible).map(variantName);
  if (ask === null || possible.length === 0)
    throw refused(
      'A setting has several forms, and it is not clear which is meant.',
      path,
      `Set what one of them needs, with --set ${path}.…: ${names.join(' | ')}.`,
    );
  say(`${path} has several forms:`);
  return possible[await chosen(names, `Form of ${path}: `, { ask, say })]!;
}

/** Asks for one of a few, by its number or name. Answers its index. */
export async function chosen(
  names: readonly string[],
  question: string,
  { ask, say }: Chooser,
): Promise<number> {
  names.forEach((name, i) => say(`  ${i + 1}  ${name}`));
  for (let i = 0; i < triesMax; i += 1) {
    const text = (await ask(question)).trim();
    const index = /^\d+$/.test(text) ? Number(text) - 1 : names.indexOf(text);
    if (index >= 0 && index < names.length) return index;
    say('  Give its number or its name.');
  }
  throw refused('A choice was not made.', question.replace(/: $/, ''), 'Try again.');
}

/** No constant of it says otherwise. */
function allows(variant: JsonObject, given: Given): boolean {
  return Object.entries(propertiesOf(variant)).every(([key, schema]) => {
    const fixed = isObject(schema) ? fixedValue(schema) : undefined;
    const text = given.get(key);
    return fixed === undefined || text === undefined || text === shown(fixed);
  });
}

/** All that it needs, or the constant that names it, was given. */
function isGivenBy(variant: JsonObject, given: Given): boolean {
  const properties = propertiesOf(variant);
  const isFixed = (key: string): boolean => {
    const schema = properties[key];
    return isObject(schema) && fixedValue(schema) !== undefined;
  };
  const named = Object.keys(properties).some((key) => isFixed(key) && given.has(key));
  const needed = requiredOf(variant).filter((key) => !isFixed(key));
  return named || (needed.length > 0 && needed.every((key) => given.has(key)));
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function refused(message: string, place: string, remedy: string): SyncError {
  return new SyncError('config_error', message, { origin: 'tidemark', place, remedy });
}
