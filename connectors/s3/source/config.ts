import type { ConnectorSpecification } from '../../../protocol/index.ts';
import { readFilesProperties, type ReadFilesConfig } from '../../kit/files-source/config.ts';
import {
  ambientWithout,
  connectionProperties,
  keyDependencies,
  type S3Connection,
} from '../../kit/s3/config.ts';

export interface S3SourceConfig extends S3Connection, ReadFilesConfig {}

export const s3SourceSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'S3 source',
    type: 'object',
    additionalProperties: false,
    required: ['bucket'],
    dependencies: keyDependencies,
    'x-ambient-without': ambientWithout,
    properties: {
      ...connectionProperties({
        prefix:
          'What the keys begin with, without slashes at its ends: the directory of the objects. Absent: the whole bucket.',
        prefixPattern: '^([^/](.*[^/])?)?$',
        endpoint: 'Of another service that speaks S3. Absent: AWS.',
      }),
      ...readFilesProperties(8, 'prefix'),
    },
  },
  supportsIncremental: true,
};
