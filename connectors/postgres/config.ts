import type { ConnectorSpecification } from '../../protocol/index.ts';

/** Either `url`, or its parts. */
export interface PostgresConfig {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly ssl?: 'disable' | 'require' | 'verify-full';
  /** For streams without a namespace, and for Tidemark's own two tables. */
  readonly schema?: string;
}

export const defaultSchema = 'public';

export const postgresSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Postgres destination',
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['url'] }, { required: ['host', 'database', 'username'] }],
    properties: {
      url: {
        type: 'string',
        title: 'URL',
        description: 'postgres://user:password@host:5432/database; instead of the parts below.',
        airbyte_secret: true,
        order: 0,
      },
      host: { type: 'string', title: 'Host', order: 1 },
      port: { type: 'integer', title: 'Port', minimum: 1, maximum: 65535, default: 5432, order: 2 },
      database: { type: 'string', title: 'Database', order: 3 },
      username: { type: 'string', title: 'User', order: 4 },
      password: { type: 'string', title: 'Password', airbyte_secret: true, order: 5 },
      ssl: {
        type: 'string',
        title: 'Encryption',
        description:
          '`require` encrypts without checking who answers; `verify-full` checks the certificate and the host name.',
        enum: ['disable', 'require', 'verify-full'],
        order: 6,
      },
      schema: {
        type: 'string',
        title: 'Schema',
        description:
          "For streams without a namespace, and for Tidemark's own two tables. Made when it is missing.",
        minLength: 1,
        default: defaultSchema,
        order: 7,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
