import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { readFilesProperties, type ReadFilesConfig } from '../../kit/files-source/config.ts';

export interface FilesConfig extends ReadFilesConfig {
  /** Absolute, without symbolic links: the worker has confined it. */
  readonly path: string;
}

export const filesSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Files source',
    type: 'object',
    additionalProperties: false,
    required: ['path'],
    properties: {
      path: {
        type: 'string',
        title: 'Directory',
        description: 'Holds the files.',
        minLength: 1,
        'x-path': true,
        order: 0,
      },
      ...readFilesProperties(1, 'path', ' Directories that are symbolic links are not entered.'),
    },
  },
  supportsIncremental: true,
  host_bound: true,
};
