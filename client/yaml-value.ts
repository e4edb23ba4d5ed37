import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
} from 'yaml';
import { SyncError, type Json } from '../protocol/index.ts';
import { suggestion } from '../protocol/nearest.ts';

/** A value of a YAML text that knows its place: every refusal names file, line and column. */
export interface YamlValue {
  /** A config_error at this value. `message` is a constant sentence; `path` says which value. */
  refuse(message: string, remedy: string): SyncError;
  /** The entries of a mapping whose keys are all among `known`; absent and null entries are left out. */
  entries(known: readonly string[]): Readonly<Partial<Record<string, YamlValue>>>;
  items(): readonly YamlValue[];
  /** Text, or undefined when the value is of another kind. */
  text(): string | undefined;
  number(): number | undefined;
  isList(): boolean;
  /** The whole value as JSON. */
  json(): Json;
}

interface YamlText {
  readonly document: Document;
  placeAt(offset: number): string;
}

/** Parses one YAML document. Throws a config_error with line and column. */
export function parseYaml(text: string, file: string): YamlValue {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const placeAt = (offset: number): string => {
    const { line, col } = lineCounter.linePos(offset);
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  };
  const [error] = document.errors;
  if (error !== undefined)
    throw new SyncError('config_error', 'The file is not valid YAML.', {
      origin: 'tidemark',
      place: `${placeAt(error.pos[0])}: ${error.message}`,
      remedy: 'Correct it there and try again.',
    });
  const source: YamlText = { document, placeAt };
  refuseInexactNumbers(source);
  return valueOf(document.contents as Node | null, 0, '', source);
}

/** A number that a double cannot hold would reach the connector changed. */
function refuseInexactNumbers(source: YamlText): void {
  visit(source.document, {
    Scalar(_, node) {
      if (typeof node.value !== 'number' || !/^[-+]?\d+$/.test(node.source ?? '')) return;
      if (Number.isSafeInteger(node.value)) return;
      throw refusal(source.placeAt(node.range?.[0] ?? 0), '', {
        message: 'A number in the file is too large to be kept exactly.',
        remedy: 'Put it in quotes.',
      });
    },
  });
}

function refusal(
  place: string,
  path: string,
  { message, remedy }: { message: string; remedy: string },
): SyncError {
  return new SyncError('config_error', message, {
    origin: 'tidemark',
    place: path === '' ? place : `${place}: ${path}`,
    remedy,
  });
}

function valueOf(given: Node | null, from: number, path: string, source: YamlText): YamlValue {
  const node = isAlias(given) ? (given.resolve(source.document) ?? null) : given;
  const offset = given?.range?.[0] ?? from;
  const refuse = (message: string, remedy: string): SyncError =>
    refusal(source.placeAt(offset), path, { message, remedy });
  return {
    refuse,
    entries(known) {
      if (!isMap(node)) throw refuse('A mapping was expected here.', 'Write `key: value` pairs.');
      const found: Record<string, YamlValue> = {};
      for (const { key, value } of node.items) {
        const keyNode = key as Node;
        const name = isScalar(keyNode) ? String(keyNode.value) : '';
        const keyOffset = keyNode.range?.[0] ?? offset;
        const keyPath = path === '' ? name : `${path}.${name}`;
        if (!known.includes(name))
          throw refusal(source.placeAt(keyOffset), keyPath, {
            message: 'The file holds an unknown key.',
            remedy: `Correct or remove it. ${suggestion(name, known)}`,
          });
        const child = value as Node | null;
        if (child === null || (isScalar(child) && child.value === null)) continue;
        found[name] = valueOf(child, keyOffset, keyPath, source);
      }
      return found;
    },
    items() {
      if (!isSeq(node)) throw refuse('A list was expected here.', 'Write `- item` lines.');
      return node.items.map((item, i) =>
        valueOf(item as Node | null, offset, `${path}[${i}]`, source),
      );
    },
    text: () => (isScalar(node) && typeof node.value === 'string' ? node.value : undefined),
    number: () => (isScalar(node) && typeof node.value === 'number' ? node.value : undefined),
    isList: () => isSeq(node),
    json: () => (node === null ? null : (node.toJS(source.document) as Json)),
  };
}

/** One of a few words. */
export function choiceOf<T extends string>(value: YamlValue, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value.text());
  if (found !== undefined) return found;
  throw value.refuse('The value is not one of those allowed.', `Use ${allowed.join(', ')}.`);
}

/** An entry that must be there. */
export function required(parent: YamlValue, value: YamlValue | undefined, key: string): YamlValue {
  if (value !== undefined) return value;
  throw parent.refuse('A required key is missing.', `Add ${key}.`);
}

/** A text that is not empty. */
export function textOf(value: YamlValue): string {
  const text = value.text();
  if (text !== undefined && text !== '') return text;
  throw value.refuse('A text was expected here.', 'Write a name (in quotes if it is a number).');
}
