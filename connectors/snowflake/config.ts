import { createPrivateKey } from 'node:crypto';
import { SyncError, type ConnectorSpecification } from '../../protocol/index.ts';

export interface SnowflakeConfig {
  /** Or `url`, which says it too. */
  readonly account?: string;
  readonly url?: string;
  readonly username?: string;
  readonly role?: string;
  readonly warehouse: string;
  readonly database: string;
  readonly schema?: string;
  /** One of these three ways of logging in. PEM text. */
  readonly private_key?: string;
  readonly private_key_passphrase?: string;
  readonly password?: string;
  readonly oauth_token?: string;
  readonly stage?: string;
  readonly query_tag?: string;
}

export const defaultSchema = 'public';
const defaultStage = '_tidemark_stage';

/** A config as the driver takes it, and where it leads. */
export interface Login {
  readonly account: string;
  /** Absent: the account's own. */
  readonly accessUrl?: string;
  readonly username?: string;
  readonly role?: string;
  readonly warehouse: string;
  readonly database: string;
  readonly authenticator: 'SNOWFLAKE_JWT' | 'SNOWFLAKE' | 'OAUTH';
  readonly privateKey?: string;
  readonly password?: string;
  readonly token?: string;
}

const vendorHost = /(\.privatelink)?\.snowflakecomputing\.(com|cn)$/;

export function loginOf(config: SnowflakeConfig): Login {
  const { username, role, warehouse, database } = config;
  const url = config.url === undefined ? null : new URL(config.url);
  return {
    account: config.account ?? url?.hostname.replace(vendorHost, '') ?? '',
    ...(url !== null && { accessUrl: url.origin }),
    ...(username !== undefined && { username }),
    ...(role !== undefined && { role }),
    ...{ warehouse, database },
    ...credentialsOf(config),
  };
}

function credentialsOf(
  config: SnowflakeConfig,
): Pick<Login, 'authenticator' | 'privateKey' | 'password' | 'token'> {
  const { password = '', oauth_token } = config;
  if (config.private_key !== undefined)
    return { authenticator: 'SNOWFLAKE_JWT', privateKey: privateKeyOf(config) };
  if (oauth_token !== undefined) return { authenticator: 'OAUTH', token: oauth_token };
  return { authenticator: 'SNOWFLAKE', password };
}

/** Without its passphrase, as the driver wants it. */
function privateKeyOf({ private_key = '', private_key_passphrase }: SnowflakeConfig): string {
  try {
    return createPrivateKey({
      // Variables of an environment often hold it in one line.
      key: private_key.replaceAll('\\n', '\n'),
      ...(private_key_passphrase !== undefined && { passphrase: private_key_passphrase }),
    })
      .export({ type: 'pkcs8', format: 'pem' })
      .toString();
  } catch {
    // What was thrown is not passed on: it is about a secret.
    throw new SyncError('config_error', 'The private key cannot be read.', {
      origin: 'destination',
      place: 'private_key in the config of the destination',
      remedy:
        'Give the PEM text of an RSA key, from BEGIN to END; and private_key_passphrase if it is encrypted.',
    });
  }
}

export const schemaOf = ({ schema = defaultSchema }: SnowflakeConfig): string => schema;
export const stageOf = ({ stage = defaultStage }: SnowflakeConfig): string => stage;

/** Account and database, for people. */
export const placeOf = (config: SnowflakeConfig): string =>
  `${config.account ?? new URL(config.url!).hostname}/${config.database}`;

/** A plain name; it is used in upper case. */
const identifier = '^[A-Za-z_][A-Za-z0-9_$]{0,254}$';

export const snowflakeSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Snowflake destination',
    type: 'object',
    additionalProperties: false,
    required: ['warehouse', 'database'],
    allOf: [
      { anyOf: [{ required: ['account'] }, { required: ['url'] }] },
      {
        oneOf: [
          { required: ['private_key', 'username'] },
          { required: ['password', 'username'] },
          { required: ['oauth_token'] },
        ],
      },
    ],
    dependencies: { private_key_passphrase: ['private_key'] },
    properties: {
      account: {
        type: 'string',
        title: 'Account',
        description: 'Its identifier: organisation and account. Or give the URL.',
        pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
        examples: ['myorg-warehouse'],
        order: 0,
      },
      url: {
        type: 'string',
        title: 'URL',
        description: 'Where the account has another than its own, such as a private link.',
        pattern: '^https?://[^/\\s]+/?$',
        examples: ['https://myorg-warehouse.privatelink.snowflakecomputing.com'],
        order: 1,
      },
      username: {
        type: 'string',
        title: 'User',
        description: 'The login name; not needed with an OAuth token.',
        examples: ['TIDEMARK'],
        order: 2,
      },
      role: {
        type: 'string',
        title: 'Role',
        description: 'Owns what is made. Default: the user’s.',
        pattern: identifier,
        examples: ['TIDEMARK_ROLE'],
        order: 3,
      },
      warehouse: {
        type: 'string',
        title: 'Warehouse',
        description: 'Loads and merges. Must exist, and resume by itself.',
        pattern: identifier,
        examples: ['LOADING_WH'],
        order: 4,
      },
      database: {
        type: 'string',
        title: 'Database',
        description: 'Must exist.',
        pattern: identifier,
        examples: ['ANALYTICS'],
        order: 5,
      },
      schema: {
        type: 'string',
        title: 'Schema',
        description:
          'For streams without a namespace, and for Tidemark’s own tables and files. Made if it is missing.',
        pattern: identifier,
        default: defaultSchema,
        examples: ['SHOP'],
        order: 6,
      },
      private_key: {
        type: 'string',
        title: 'Private key',
        description:
          'PEM text of an RSA key whose public half the user has (ALTER USER … SET RSA_PUBLIC_KEY). The way to log in that lasts.',
        airbyte_secret: true,
        order: 7,
      },
      private_key_passphrase: {
        type: 'string',
        title: 'Passphrase of the private key',
        airbyte_secret: true,
        order: 8,
      },
      password: {
        type: 'string',
        title: 'Password',
        description: 'Instead of a key. Snowflake no longer takes one from most users.',
        airbyte_secret: true,
        order: 9,
      },
      oauth_token: {
        type: 'string',
        title: 'OAuth access token',
        description: 'Instead of a key. It is not renewed: a sync ends when it does.',
        airbyte_secret: true,
        order: 10,
      },
      stage: {
        type: 'string',
        title: 'Stage',
        description:
          'An internal named stage in the schema, where files wait to be loaded. Made if it is missing.',
        pattern: identifier,
        default: defaultStage,
        order: 11,
      },
      query_tag: {
        type: 'string',
        title: 'Query tag',
        description:
          'Of every statement, for the query history. The name of the connection follows, after a colon.',
        maxLength: 2000,
        default: 'tidemark',
        order: 12,
      },
    },
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
