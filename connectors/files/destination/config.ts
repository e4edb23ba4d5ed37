import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { defaultMemoryLimit } from '../config.ts';
import { refusedConfig } from './errors.ts';
import { templateOf, type Template } from './template.ts';

export type WrittenFormat = 'jsonl' | 'csv' | 'parquet';
export type Compression = 'none' | 'gzip' | 'zstd' | 'snappy';

export interface FilesTargetConfig {
  /** Absolute, without symbolic links: the worker has confined it. */
  readonly path: string;
  readonly format?: WrittenFormat;
  readonly compression?: Compression;
  readonly template?: string;
  /** Of DuckDB, while it writes Parquet. */
  readonly memory_limit?: string;
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

/** A config that was understood. */
export interface Settings {
  readonly root: string;
  readonly format: WrittenFormat;
  readonly compression: Compression;
  /** Without its first point. */
  readonly extension: string;
  readonly template: Template;
  readonly memoryLimit: string;
}

export function settingsOf(config: FilesTargetConfig): Settings {
  const format = config.format ?? 'jsonl';
  if (!formats.includes(format))
    throw refusedConfig(
      'The files destination does not write this format.',
      `format ${String(format).slice(0, 100)}`,
      `Set format to ${listed(formats)}.`,
    );
  const compression = compressionOf(format, config.compression);
  return {
    ...{ root: config.path, format, compression },
    extension: format === 'parquet' ? format : `${format}${endings[compression] ?? ''}`,
    template: templateOf(config.template ?? defaultTemplate),
    memoryLimit: config.memory_limit ?? defaultMemoryLimit,
  };
}

function compressionOf(format: WrittenFormat, given: Compression | undefined): Compression {
  const known = compressions[format];
  const compression = given ?? known[0]!;
  if (known.includes(compression)) return compression;
  throw refusedConfig(
    'The files destination does not compress this format so.',
    `format ${format}, compression ${String(compression).slice(0, 100)}`,
    `Set compression to ${listed(known)}.`,
  );
}

const listed = (names: readonly string[]): string =>
  `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;

export const filesTargetSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Files destination',
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: {
        type: 'string',
        title: 'Directory',
        description: 'Made when it is missing; the directory that holds it must exist.',
        minLength: 1,
        'x-path': true,
        order: 0,
      },
      format: { type: 'string', title: 'Format', enum: formats, default: 'jsonl', order: 1 },
      compression: {
        type: 'string',
        title: 'Compression',
        description:
          'JSONL and CSV: none (default), gzip or zstd. Parquet: zstd (default), snappy or none, within the file.',
        enum: [...new Set(Object.values(compressions).flat())],
        order: 2,
      },
      template: {
        type: 'string',
        title: 'Names of the files',
        description:
          'Below path. Takes {namespace}, {stream}, {generation}, {sync}, {attempt}, {part} and {ext}; must hold {stream}, {sync}, {attempt} and {part}, and end in .{ext}.',
        minLength: 1,
        default: defaultTemplate,
        order: 3,
      },
      memory_limit: {
        type: 'string',
        title: 'Memory limit',
        description:
          'What DuckDB may use while it writes a Parquet file; beyond it, it writes temporary files.',
        pattern: '^[0-9]+(\\.[0-9]+)? *([KMGT]i?B)$',
        default: defaultMemoryLimit,
        order: 4,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'overwrite'],
  supportsIncremental: true,
  host_bound: true,
};
