import type { ConnectorSpecification } from '../../../protocol/index.ts';
import {
  formatProperties,
  formatSettingsOf,
  type FormatConfig,
  type FormatSettings,
} from '../../kit/files/formats.ts';
import {
  ambientWithout,
  connectionProperties,
  keyDependencies,
  keyPrefix,
  type S3Connection,
} from '../../kit/s3/config.ts';

export interface S3Config extends FormatConfig, S3Connection {
  readonly encryption?: 'AES256' | 'aws:kms';
  readonly kms_key_id?: string;
  readonly checksums?: 'crc32' | 'none';
  readonly object_mib_max?: number;
}

const defaultObjectMib = 1024;
const mebibyte = 1024 * 1024;

/** A config that was understood. */
export interface Settings extends FormatSettings {
  /** Ends in a slash, or is empty. */
  readonly prefix: string;
}

export const settingsOf = (config: S3Config): Settings => ({
  ...formatSettingsOf(config, (config.object_mib_max ?? defaultObjectMib) * mebibyte),
  prefix: keyPrefix(config),
});

export const s3Spec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'S3 destination',
    type: 'object',
    additionalProperties: false,
    required: ['bucket'],
    dependencies: { ...keyDependencies, kms_key_id: ['encryption'] },
    'x-ambient-without': ambientWithout,
    properties: {
      ...connectionProperties({
        prefix: 'In front of every key, without slashes at its ends. Absent: none.',
        prefixPattern: '^([A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*)?$',
        endpoint: 'Of another service that speaks S3 and honours conditional writes. Absent: AWS.',
      }),
      ...formatProperties(8, 'the prefix'),
      object_mib_max: {
        type: 'integer',
        title: 'Largest object, MiB',
        description:
          'Records that one object takes at most, as JSON, before compression. Parquet: never more than 64.',
        minimum: 1,
        maximum: 16_384,
        default: defaultObjectMib,
        order: 12,
      },
      encryption: {
        type: 'string',
        title: 'Encryption at rest',
        description: 'Absent: as the bucket says.',
        enum: ['AES256', 'aws:kms'],
        order: 13,
      },
      kms_key_id: {
        type: 'string',
        title: 'KMS key',
        description: 'Its id or ARN, with encryption aws:kms. Absent: the account’s default key.',
        minLength: 1,
        order: 14,
      },
      checksums: {
        type: 'string',
        title: 'Checksums',
        description:
          'crc32 is sent with every object and part and checked by the service; none is for services that refuse it.',
        enum: ['crc32', 'none'],
        default: 'crc32',
        order: 15,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'overwrite'],
  supportsIncremental: true,
};
