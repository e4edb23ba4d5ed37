import { SyncError, type JsonObject } from '../../../protocol/index.ts';
import { columnsMax } from '../columns.ts';
import { asBytesText, membersOf, NotJson, skipSpace, stringOf } from '../json-scan.ts';
import type { ReadFilesConfig, StreamConfig } from './config.ts';
import { decodeCell } from './csv.ts';
import { firstRows, type CsvShape } from './csv-dialect.ts';
import { headerOf } from './csv-header.ts';
import { modifiedField, urlField } from './envelope.ts';
import { identify, type Identity } from './identify.ts';
import { kindOfNumeral, kindOfString, kindOfText, schemaOf, union, type Kind } from './kinds.ts';
import { parquetColumns } from './parquet.ts';
import type { FoundFile } from './store.ts';

/** Files of a stream that are looked at for its schema: the first, the last and some between. */
const filesMax = 16;
const rowsMax = 10_000;

export type Columns = Map<string, Kind | null>;

/** Evenly spread over all of them. */
export function sampleOf(files: readonly FoundFile[]): readonly FoundFile[] {
  if (files.length <= filesMax) return files;
  const step = (files.length - 1) / (filesMax - 1);
  return Array.from({ length: filesMax }, (_, i) => files[Math.round(i * step)]!);
}

export interface Sampling {
  readonly config: ReadFilesConfig;
  readonly stream: StreamConfig;
  readonly shape: CsvShape;
  readonly abort: AbortSignal;
}

/** The stream's JSON schema, from the heads of some of its files. A file that cannot be read adds nothing: who reads it says why. */
export async function inferSchema(
  files: readonly FoundFile[],
  sampling: Sampling,
): Promise<JsonObject> {
  const columns: Columns = new Map();
  for (const file of sampleOf(files)) {
    try {
      for (const [name, kind] of await columnsIn(file, sampling)) add(columns, name, kind);
    } catch (error) {
      if (!(error instanceof SyncError) || error.code === 'aborted') throw error;
    }
  }
  for (const [name, type] of Object.entries(sampling.stream.types ?? {})) columns.set(name, type);
  const properties = [...columns].map(([name, kind]) => [name, schemaOf(kind)] as const);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    additionalProperties: true,
    properties: {
      ...Object.fromEntries(properties),
      [modifiedField]: schemaOf('timestamptz'),
      [urlField]: schemaOf('string'),
    },
  };
}

function add(columns: Columns, name: string, kind: Kind | null): void {
  // More keys than this are data, not columns.
  if (columns.has(name) || columns.size < columnsMax)
    columns.set(name, union(columns.get(name) ?? null, kind));
}

async function columnsIn(found: FoundFile, sampling: Sampling): Promise<Columns> {
  const { config, stream, shape, abort } = sampling;
  const file = await found.open(abort);
  try {
    const identity = await identify(file, stream.format);
    switch (identity.format) {
      case 'csv':
        return csvColumns(found.name, identity, stream, shape);
      case 'jsonl':
        return jsonlColumns(identity);
      case 'parquet': {
        const columns = await parquetColumns({ file, abort, memoryLimit: config.memory_limit });
        return new Map(columns.map(({ name, kind }) => [name, kind]));
      }
    }
  } finally {
    await file.close();
  }
}

function csvColumns(
  file: string,
  identity: Identity,
  stream: StreamConfig,
  shape: CsvShape,
): Columns {
  const header = headerOf(file, identity, shape, stream);
  if (header === null) return new Map();
  const { csv = {} } = stream;
  const nulls = new Set((csv.null_values ?? ['']).map(asBytesText));
  const text = identity.head.toString('latin1', header.bytes);
  const kinds: (Kind | null)[] = header.names.map(() => null);
  for (const row of firstRows(text, identity.isWhole, shape, rowsMax))
    for (const [i, cell] of row.entries()) {
      if (i >= kinds.length || cell.text === '' || (!cell.isQuoted && nulls.has(cell.text)))
        continue;
      kinds[i] = union(kinds[i]!, kindOfText(decodeCell(cell.text, csv.encoding)));
    }
  return new Map(header.names.map((name, i) => [name, kinds[i]!]));
}

function jsonlColumns({ head, isWhole }: Identity): Columns {
  const columns: Columns = new Map();
  const text = head.toString('latin1');
  const lines = text.split('\n', rowsMax + 1);
  if (!isWhole || lines.length > rowsMax) lines.pop();
  for (const line of lines) {
    try {
      const start = skipSpace(line, 0);
      if (start === line.length) continue;
      for (const { key, start: from, end } of membersOf(line, start))
        add(columns, stringOf(key), kindOfJson(line.slice(from, end)));
    } catch (error) {
      // A sample is looked at; who reads the file tells what is wrong with it.
      if (!(error instanceof NotJson) && !(error instanceof SyntaxError)) throw error;
    }
  }
  columns.delete(urlField);
  columns.delete(modifiedField);
  return columns;
}

/** By its text, so that its digits count. */
function kindOfJson(text: string): Kind | null {
  switch (text.charAt(0)) {
    case '"':
      return kindOfString(text.slice(1, -1));
    case '{':
      return 'object';
    case '[':
      return 'array';
    case 't':
    case 'f':
      return 'boolean';
    case 'n':
      return null;
    default:
      return kindOfNumeral(text) ?? 'string';
  }
}
