import type { JsonObject } from '../../../protocol/index.ts';
import { refusedConfig } from './refused.ts';
import { templateOf, type Template } from './template.ts';

export type WrittenFormat = 'jsonl' | 'csv' | 'parquet';
export type Compression = 'none' | 'gzip' | 'zstd' | 'snappy';

/** What a person says of the files that are to be written. */
export interface FormatConfig {
  readonly format?: WrittenFormat;
  readonly compression?: Compression;
  readonly template?: string;
  /** Of DuckDB, while it writes Parquet. */
  readonly memory_limit?: string;
}

/** A config that was understood. */
export interface FormatSettings {
  readonly format: WrittenFormat;
  readonly compression: Compression;
  /** Without its first point. */
  readonly extension: string;
  readonly template: Template;
  readonly memoryLimit: string;
  /** Records of one file, as JSON, bytes: a part of more becomes several files. Infinity: no part does. Invariant 7. */
  readonly recordBytesMax: number;
}

/** How each format may be compressed; the first is the default. */
const compressions: Readonly<Record<WrittenFormat, readonly Compression[]>> = {
  jsonl: ['none', 'gzip', 'zstd'],
  csv: ['none', 'gzip', 'zstd'],
  parquet: ['zstd', 'snappy', 'none'],
};
/** Of files that are compressed as a whole. */
const endings: Readonly<Partial<Record<Compression, string>>> = { gzip: '.gz', zstd: '.zst' };
const formats = Object.keys(compressions);
export const defaultTemplate = '{namespace}/{stream}/{sync}-{attempt}-{part}.{ext}';
export const defaultMemoryLimit = '512MB';
/** DuckDB holds a Parquet file's records several times while it types and writes them. Text is written row by row. */
const parquetBytesMax = 64 * 1024 * 1024;

/** `recordBytesMax`: see FormatSettings; Parquet has a bound of its own as well. */
export function formatSettingsOf(config: FormatConfig, recordBytesMax = Infinity): FormatSettings {
  const format = config.format ?? 'jsonl';
  if (!formats.includes(format))
    throw refusedConfig(
      'The destination does not write this format.',
      `format ${String(format).slice(0, 100)}`,
      `Set format to ${listed(formats)}.`,
    );
  const compression = compressionOf(format, config.compression);
  const isParquet = format === 'parquet';
  return {
    ...{ format, compression },
    extension: isParquet ? format : `${format}${endings[compression] ?? ''}`,
    template: templateOf(config.template ?? defaultTemplate),
    memoryLimit: config.memory_limit ?? defaultMemoryLimit,
    recordBytesMax: isParquet ? Math.min(recordBytesMax, parquetBytesMax) : recordBytesMax,
  };
}

function compressionOf(format: WrittenFormat, given: Compression | undefined): Compression {
  const known = compressions[format];
  const compression = given ?? known[0]!;
  if (known.includes(compression)) return compression;
  throw refusedConfig(
    'The destination does not compress this format so.',
    `format ${format}, compression ${String(compression).slice(0, 100)}`,
    `Set compression to ${listed(known)}.`,
  );
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;

/** The properties of a spec, from place `order` on. `below`: what the template's names are below of. */
export const formatProperties = (order: number, below: string): JsonObject => ({
  format: { type: 'string', title: 'Format', enum: formats, default: 'jsonl', order },
  compression: {
    type: 'string',
    title: 'Compression',
    description:
      'JSONL and CSV: none (default), gzip or zstd. Parquet: zstd (default), snappy or none, within the file.',
    enum: [...new Set(Object.values(compressions).flat())],
    order: order + 1,
  },
  template: {
    type: 'string',
    title: 'Names of the files',
    description: `Below ${below}. Takes {namespace}, {stream}, {generation}, {sync}, {attempt}, {part} and {ext}, and of the time at which the worker began the file’s part, in UTC, {year}, {month}, {day} and {hour}; must hold {stream}, {sync}, {attempt} and {part}, and end in .{ext}.`,
    minLength: 1,
    default: defaultTemplate,
    examples: [
      '{namespace}/{stream}/year={year}/month={month}/day={day}/{sync}-{attempt}-{part}.{ext}',
    ],
    order: order + 2,
  },
  memory_limit: {
    type: 'string',
    title: 'Memory limit',
    description:
      'What DuckDB may use while it writes a Parquet file; beyond it, it writes temporary files.',
    pattern: '^[0-9]+(\\.[0-9]+)? *([KMGT]i?B)$',
    default: defaultMemoryLimit,
    order: order + 3,
  },
});
