import type { JsonObject } from '../../../protocol/index.ts';
import { defaultMemoryLimit } from '../files/formats.ts';

export type Format = 'jsonl' | 'csv' | 'parquet';

export interface CsvConfig {
  /** One ASCII character. Absent: detected. */
  readonly delimiter?: string;
  /** One ASCII character; empty: no cell is quoted. */
  readonly quote?: string;
  /** A list: the columns' names, and the first row is a record. Absent: detected. */
  readonly header?: boolean | readonly string[];
  /** Unquoted cells that mean null. */
  readonly null_values?: readonly string[];
  readonly encoding?: string;
  readonly header_changes?: 'refuse' | 'allow';
}

export interface StreamConfig {
  readonly name: string;
  /** Of names below the source's directory or prefix, with `/` between their parts. */
  readonly glob: string;
  /** Absent: detected, file by file. */
  readonly format?: Format;
  readonly csv?: CsvConfig;
  readonly primary_key?: readonly string[];
  /** Types of columns, over what is inferred. */
  readonly types?: Readonly<Record<string, ColumnType>>;
}

/** What a person says of the files that are to be read, wherever they are. */
export interface ReadFilesConfig {
  readonly streams?: readonly StreamConfig[];
  readonly checkpoint_records?: number;
  /** Of DuckDB, while it reads Parquet. */
  readonly memory_limit?: string;
}

export const columnTypes = [
  ...['string', 'integer', 'big_integer', 'number', 'boolean'],
  ...['date', 'timestamp', 'timestamptz', 'object', 'array'],
] as const;
export type ColumnType =
  | ('string' | 'integer' | 'big_integer' | 'number' | 'boolean')
  | ('date' | 'timestamp' | 'timestamptz' | 'object' | 'array');

/** Encodings in which delimiters, quotes and newlines are the bytes that they are in ASCII. */
export const encodings = [
  ...['utf-8', 'us-ascii', 'latin1', 'iso-8859-1', 'iso-8859-2', 'iso-8859-5', 'iso-8859-7'],
  ...['iso-8859-15', 'windows-1250', 'windows-1251', 'windows-1252', 'windows-1253'],
  ...['windows-1254', 'windows-1257', 'koi8-r', 'koi8-u', 'macintosh', 'euc-jp', 'euc-kr'],
];

export const defaultCheckpointRecords = 10_000;

const asciiCharacter = '^[\\x01-\\x09\\x0B\\x0C\\x0E-\\x7F]$';

const csvSpec: JsonObject = {
  type: 'object',
  title: 'CSV',
  additionalProperties: false,
  properties: {
    delimiter: {
      type: 'string',
      description: 'What stands between cells. Detected when absent: comma, semicolon, tab or bar.',
      pattern: asciiCharacter,
    },
    quote: {
      type: 'string',
      description: 'What stands around cells; doubled inside of them. Empty: no cell is quoted.',
      pattern: `^$|${asciiCharacter}`,
      default: '"',
    },
    header: {
      description:
        'true: the first row names the columns. false: they are called column1, column2, … A list: these are their names, and the first row is a record. Detected when absent.',
      oneOf: [
        { type: 'boolean' },
        { type: 'array', items: { type: 'string', minLength: 1 }, minItems: 1, uniqueItems: true },
      ],
    },
    null_values: {
      type: 'array',
      items: { type: 'string' },
      description: 'Cells without quotes that mean null.',
      default: [''],
    },
    encoding: { type: 'string', enum: encodings, default: 'utf-8' },
    header_changes: {
      type: 'string',
      enum: ['refuse', 'allow'],
      default: 'refuse',
      description:
        'Whether a file may lack columns of the file before it and bring others at once, as when a column was renamed.',
    },
  },
};

const streamSpec = (below: string, links: string): JsonObject => ({
  type: 'object',
  additionalProperties: false,
  required: ['name', 'glob'],
  properties: {
    name: { type: 'string', minLength: 1, order: 0 },
    glob: {
      type: 'string',
      minLength: 1,
      description: `Which files below ${below}: * and ? within a name, ** over directories, [a-z], {a,b}.${links}`,
      examples: ['orders-*.csv', 'events/**/*.jsonl.gz'],
      order: 1,
    },
    format: {
      type: 'string',
      enum: ['jsonl', 'csv', 'parquet'],
      description: 'Detected when absent.',
      order: 2,
    },
    csv: { ...csvSpec, order: 3 },
    primary_key: { type: 'array', items: { type: 'string' }, minItems: 1, order: 4 },
    types: {
      type: 'object',
      description: 'Types of columns, where the inferred ones are wrong.',
      additionalProperties: { type: 'string', enum: [...columnTypes] },
      examples: [{ zip: 'string' }],
      order: 5,
    },
  },
});

/** The properties of a spec, from place `order` on. `below`: the property that names what globs are below of; `links`: a sentence on links, after a space. */
export const readFilesProperties = (order: number, below: string, links = ''): JsonObject => ({
  streams: {
    type: 'array',
    title: 'Streams',
    description: `Absent: a stream for each sub-directory, and one for the files in ${below} that differ only in numbers and dates at the end of their names.`,
    items: streamSpec(below, links),
    minItems: 1,
    order,
  },
  checkpoint_records: {
    type: 'integer',
    title: 'Records per checkpoint',
    description: 'A state follows after so many records, and after each file.',
    minimum: 1,
    default: defaultCheckpointRecords,
    order: order + 1,
  },
  memory_limit: {
    type: 'string',
    title: 'Memory limit',
    description: 'What DuckDB may use while it reads Parquet files.',
    pattern: '^[0-9]+(\\.[0-9]+)? *([KMGT]i?B)$',
    default: defaultMemoryLimit,
    order: order + 2,
  },
});
