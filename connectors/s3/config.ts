import type { ConnectorSpecification } from '../../protocol/index.ts';
import {
  formatProperties,
  formatSettingsOf,
  type FormatConfig,
  type FormatSettings,
} from '../kit/files/formats.ts';

export interface S3Config extends FormatConfig {
  readonly bucket: string;
  readonly region?: string;
  /** Without slashes at its ends. Absent: the bucket's own top. */
  readonly prefix?: string;
  /** Absent: AWS. */
  readonly endpoint?: string;
  readonly path_style?: boolean;
  /** Absent: the worker's own credentials, where connectors.yaml allows them. */
  readonly access_key_id?: string;
  readonly secret_access_key?: string;
  readonly session_token?: string;
  readonly encryption?: 'AES256' | 'aws:kms';
  readonly kms_key_id?: string;
  readonly checksums?: 'crc32' | 'none';
  readonly object_mib_max?: number;
}

export const defaultRegion = 'us-east-1';
const defaultObjectMib = 1024;
const mebibyte = 1024 * 1024;

/** A config that was understood. */
export interface Settings extends FormatSettings {
  /** Ends in a slash, or is empty. */
  readonly prefix: string;
}

export const settingsOf = (config: S3Config): Settings => ({
  ...formatSettingsOf(config, (config.object_mib_max ?? defaultObjectMib) * mebibyte),
  prefix: config.prefix === undefined || config.prefix === '' ? '' : `${config.prefix}/`,
});

/** For people. */
export const placeOf = ({ bucket, prefix, endpoint }: S3Config): string =>
  `s3://${bucket}/${prefix ?? ''}${endpoint === undefined ? '' : ` at ${endpoint}`}`;

export const s3Spec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'S3 destination',
    type: 'object',
    additionalProperties: false,
    required: ['bucket'],
    // Of a key both halves, or neither.
    dependencies: {
      access_key_id: ['secret_access_key'],
      secret_access_key: ['access_key_id'],
      session_token: ['access_key_id'],
      kms_key_id: ['encryption'],
    },
    // Without this property the worker's own credentials are used, which connectors.yaml must allow.
    'x-ambient-without': 'access_key_id',
    properties: {
      bucket: {
        type: 'string',
        title: 'Bucket',
        description: 'Must exist.',
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$',
        examples: ['company-lake'],
        order: 0,
      },
      prefix: {
        type: 'string',
        title: 'Prefix',
        description: 'In front of every key, without slashes at its ends. Absent: none.',
        pattern: '^([A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*)?$',
        maxLength: 300,
        examples: ['shop/raw'],
        order: 1,
      },
      region: { type: 'string', title: 'Region', default: defaultRegion, minLength: 1, order: 2 },
      access_key_id: {
        type: 'string',
        title: 'Access key ID',
        description:
          'Absent: the worker’s own credentials (environment, profile, role), where its connectors.yaml says `credentials: ambient`.',
        airbyte_secret: true,
        order: 3,
      },
      secret_access_key: {
        type: 'string',
        title: 'Secret access key',
        airbyte_secret: true,
        order: 4,
      },
      session_token: {
        type: 'string',
        title: 'Session token',
        description: 'Of temporary credentials. They end when it does.',
        airbyte_secret: true,
        order: 5,
      },
      endpoint: {
        type: 'string',
        title: 'Endpoint',
        description:
          'Of another service that speaks S3 and honours conditional writes. Absent: AWS.',
        pattern: '^https?://[^/\\s]+/?$',
        examples: ['https://minio.internal:9000'],
        order: 6,
      },
      path_style: {
        type: 'boolean',
        title: 'Bucket in the path',
        description: 'Not in the host name. Default: with an endpoint yes, else no.',
        order: 7,
      },
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
