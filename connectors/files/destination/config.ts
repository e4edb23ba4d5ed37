import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { refusedConfig } from './errors.ts';
import { templateOf, type Template } from './template.ts';

export type WrittenFormat = 'jsonl' | 'csv';

export interface FilesTargetConfig {
  /** Absolute, without symbolic links: the worker has confined it. */
  readonly path: string;
  readonly format?: WrittenFormat;
  readonly compression?: 'none' | 'gzip';
  readonly template?: string;
}

const formats: readonly string[] = ['jsonl', 'csv'];
export const defaultTemplate = '{namespace}/{stream}/{sync}-{attempt}-{part}.{ext}';

/** A config that was understood. */
export interface Settings {
  readonly root: string;
  readonly format: WrittenFormat;
  readonly gzip: boolean;
  /** Without its first point. */
  readonly extension: string;
  readonly template: Template;
}

export function settingsOf(config: FilesTargetConfig): Settings {
  const format = config.format ?? 'jsonl';
  if (!formats.includes(format))
    throw refusedConfig(
      'The files destination does not write this format.',
      `format ${String(format).slice(0, 100)}`,
      'Set format to jsonl or csv. For Parquet, load a DuckDB file and let DuckDB COPY its tables.',
    );
  const gzip = config.compression === 'gzip';
  return {
    ...{ root: config.path, format, gzip },
    extension: gzip ? `${format}.gz` : format,
    template: templateOf(config.template ?? defaultTemplate),
  };
}

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
        enum: ['none', 'gzip'],
        default: 'none',
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
    },
  },
  supported_destination_sync_modes: ['append', 'overwrite'],
  supportsIncremental: true,
  host_bound: true,
};
