import type { ConnectorSpecification, JsonObject } from '../../protocol/index.ts';
import type { Encryption } from '../kit/ssl.ts';
import {
  ambientWithout,
  connectionProperties,
  keyDependencies,
  type S3Connection,
} from '../kit/s3/config.ts';
import { lowerCase } from './sql.ts';

export const defaultPort = 5439;
export const defaultSchema = 'public';

/** Where the cluster or workgroup is (either `url`, or its parts), and the bucket that files go through. */
export interface RedshiftConfig extends S3Connection, Encryption {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly schema?: string;
  /** As whom Redshift reads the bucket. Absent: with the access key. */
  readonly iam_role?: string;
  readonly distribution?: 'key' | 'auto';
}

/** The schema that streams without a namespace go to. Redshift keeps names in lower case. */
export const schemaOf = ({ schema = defaultSchema }: RedshiftConfig): string => lowerCase(schema);

const server: JsonObject = {
  url: {
    type: 'string',
    title: 'URL',
    description: `postgres://user:password@host:${defaultPort}/database; instead of the parts below.`,
    airbyte_secret: true,
  },
  host: {
    type: 'string',
    title: 'Host',
    description: 'The endpoint of the cluster or workgroup, without port and database.',
    examples: ['wg.123456789012.eu-central-1.redshift-serverless.amazonaws.com'],
  },
  port: { type: 'integer', title: 'Port', minimum: 1, maximum: 65535, default: defaultPort },
  database: { type: 'string', title: 'Database', examples: ['dev'] },
  username: { type: 'string', title: 'User', examples: ['tidemark'] },
  password: { type: 'string', title: 'Password', airbyte_secret: true },
  ssl: {
    type: 'string',
    title: 'Encryption',
    description:
      '`verify-full` checks the certificate and the host name; `require` encrypts without checking who answers.',
    enum: ['disable', 'require', 'verify-full'],
    default: 'verify-full',
  },
  ssl_ca: {
    type: 'string',
    title: 'Certificate authority',
    description:
      'For `verify-full`: PEM text of the authority that signed the certificate, where it is not a public one (a proxy).',
  },
  schema: {
    type: 'string',
    title: 'Schema',
    description: "For streams without a namespace, and for Tidemark's own tables. Made if absent.",
    default: defaultSchema,
    minLength: 1,
  },
};

const bucket = connectionProperties({
  prefix: 'In front of every file that waits to be loaded, without slashes at its ends.',
  prefixPattern: '^([A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*)?$',
  endpoint: 'Of another service that speaks S3, as the worker reaches it. Absent: AWS.',
});

const further: JsonObject = {
  iam_role: {
    type: 'string',
    title: 'IAM role',
    description:
      'ARN of the role with which Redshift reads the bucket, or `default`. Absent: it reads with the access key.',
    pattern: '^(default|arn:[A-Za-z0-9:/_+=,.@-]+)$',
    examples: ['arn:aws:iam::123456789012:role/tidemark-copy'],
  },
  distribution: {
    type: 'string',
    title: 'Distribution',
    description:
      '`key`: tables with a primary key are distributed by its first field and sorted by all of it; `auto`: as Redshift decides. For tables that are made from now on.',
    enum: ['key', 'auto'],
    default: 'key',
  },
};

/** In the order of this page. */
const ordered = (properties: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(properties).map(([name, of], order) => [name, { ...(of as JsonObject), order }]),
  );

export const redshiftSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Redshift destination',
    type: 'object',
    additionalProperties: false,
    required: ['bucket'],
    allOf: [
      { anyOf: [{ required: ['url'] }, { required: ['host', 'database', 'username'] }] },
      { anyOf: [{ required: ['iam_role'] }, { required: ['access_key_id'] }] },
    ],
    dependencies: keyDependencies,
    'x-ambient-without': ambientWithout,
    properties: ordered({ ...server, ...bucket, ...further }),
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
