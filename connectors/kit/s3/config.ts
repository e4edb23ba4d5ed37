import type { JsonObject } from '../../../protocol/index.ts';

/** Which bucket, and as whom. */
export interface S3Connection {
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
}

export const defaultRegion = 'us-east-1';

/** A connection's prefix as keys begin: it ends in a slash, or is empty. */
export const keyPrefix = ({ prefix = '' }: S3Connection): string =>
  prefix === '' ? '' : `${prefix}/`;

/** For people. */
export const placeOf = ({ bucket, prefix, endpoint }: S3Connection): string =>
  `s3://${bucket}/${prefix ?? ''}${endpoint === undefined ? '' : ` at ${endpoint}`}`;

/** Without this property the worker's own credentials are used, which connectors.yaml must allow. */
export const ambientWithout = 'access_key_id';

/** Of a key both halves, or neither. */
export const keyDependencies: JsonObject = {
  access_key_id: ['secret_access_key'],
  secret_access_key: ['access_key_id'],
  session_token: ['access_key_id'],
};

/** The first properties of a spec. `prefix`, `endpoint`: what is to be said of them; `prefixPattern`: what the former may be. */
export const connectionProperties = (told: {
  readonly prefix: string;
  readonly prefixPattern: string;
  readonly endpoint: string;
}): JsonObject => ({
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
    description: told.prefix,
    pattern: told.prefixPattern,
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
    description: told.endpoint,
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
});
