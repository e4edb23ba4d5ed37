import type { ConnectorSpecification } from '../../../protocol/index.ts';
import {
  formatProperties,
  formatSettingsOf,
  type FormatConfig,
  type FormatSettings,
} from '../../kit/files/formats.ts';

export interface FilesTargetConfig extends FormatConfig {
  /** Absolute, without symbolic links: the worker has confined it. */
  readonly path: string;
}

/** A config that was understood. */
export interface Settings extends FormatSettings {
  readonly root: string;
}

export const settingsOf = (config: FilesTargetConfig): Settings => ({
  ...formatSettingsOf(config),
  root: config.path,
});

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
      ...formatProperties(1, 'path'),
    },
  },
  supported_destination_sync_modes: ['append', 'overwrite'],
  supportsIncremental: true,
  host_bound: true,
};
