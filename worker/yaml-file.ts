import { readFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import { SyncError } from '../protocol/index.ts';
import { suggestion } from '../protocol/nearest.ts';

const fileBytesMax = 1024 * 1024;

/** A value of a YAML file that knows its place, so that every refusal names file, line and column. */
export interface YamlValue {
  /** `file:line:column`. */
  readonly place: string;
  readonly isMapping: boolean;
  /** Nothing, or `null`. */
  readonly isEmpty: boolean;
  refuse(message: string, remedy: string): SyncError;
  /** The entries of a mapping whose keys must be among `keys` (absent: any). An empty value is an empty mapping. */
  map(what: string, keys?: readonly string[]): ReadonlyMap<string, YamlValue>;
  list(what: string): readonly YamlValue[];
  text(what: string): string;
  /** A text, number or boolean as it was written. */
  scalar(what: string): string;
}

/** Reads a YAML file of at most 1 MiB. Throws a config_error at the first mistake. */
export function readYaml(file: string): YamlValue {
  const text = readText(file);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [error] = document.errors;
  if (error !== undefined)
    throw new SyncError('config_error', 'A configuration file is not valid YAML.', {
      origin: 'tidemark',
      place: `${placeAt(error.pos[0])} (${error.code})`,
      remedy: 'Correct the file at that place.',
    });
  return yamlValue(document.contents, { document, text, placeAt, offset: 0 });
}

interface YamlPlace {
  readonly document: Document;
  readonly text: string;
  readonly placeAt: (offset: number) => string;
  /** Where the value stands, for one that is empty. */
  readonly offset: number;
}

function yamlValue(given: unknown, at: YamlPlace): YamlValue {
  const node = resolved(given, at.document);
  const offset = node?.range?.[0] ?? at.offset;
  const place = at.placeAt(offset);
  const child = (value: unknown): YamlValue => yamlValue(value, { ...at, offset });
  const refuse = (message: string, remedy: string): SyncError =>
    new SyncError('config_error', message, { origin: 'tidemark', place, remedy });
  const empty = node === null || (isScalar(node) && node.value === null);
  return {
    place,
    isMapping: isMap(node),
    isEmpty: empty,
    refuse,
    map(what, keys) {
      if (empty) return new Map();
      if (!isMap(node))
        throw refuse(
          'A configuration file holds a value of the wrong kind.',
          `Make ${what} a mapping.`,
        );
      const entries = new Map<string, YamlValue>();
      for (const pair of node.items) {
        const key = child(pair.key);
        const name = key.scalar(`a key of ${what}`);
        if (keys !== undefined && !keys.includes(name))
          throw new SyncError('config_error', 'A configuration file holds an unknown key.', {
            origin: 'tidemark',
            place: `${key.place}: ${name}`,
            remedy: `Correct or remove ${name} in ${what}. ${suggestion(name, keys)}`,
          });
        const at2 = (pair.key as Node).range?.[0] ?? offset;
        entries.set(name, yamlValue(pair.value, { ...at, offset: at2 }));
      }
      return entries;
    },
    list(what) {
      if (empty) return [];
      if (!isSeq(node))
        throw refuse(
          'A configuration file holds a value of the wrong kind.',
          `Make ${what} a list.`,
        );
      return node.items.map(child);
    },
    text(what) {
      if (isScalar(node) && typeof node.value === 'string' && node.value !== '') return node.value;
      throw refuse(
        'A configuration file holds a value of the wrong kind.',
        `Make ${what} a text (in quotes if it looks like a number).`,
      );
    },
    scalar(what) {
      if (isScalar(node) && !empty) return node.source ?? String(node.value);
      throw refuse(
        'A configuration file holds a value of the wrong kind.',
        `Make ${what} one value.`,
      );
    },
  };
}

function resolved(given: unknown, document: Document): Node | null {
  const node = given as (Node & { resolve?: (d: Document) => Node | undefined }) | null;
  return node?.resolve === undefined ? node : (node.resolve(document) ?? null);
}

function readText(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= fileBytesMax) return bytes.toString('utf8');
  } catch (cause) {
    throw new SyncError('config_error', 'A configuration file cannot be read.', {
      origin: 'tidemark',
      place: `${file} (${(cause as NodeJS.ErrnoException).code ?? 'unknown'})`,
      remedy: 'Create the file, correct its path, or let this user read it.',
      cause,
    });
  }
  throw new SyncError('config_error', 'A configuration file is too large.', {
    origin: 'tidemark',
    place: file,
    remedy: `Keep it below ${fileBytesMax} bytes.`,
  });
}
