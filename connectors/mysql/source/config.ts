import { SyncError, type ConnectorSpecification } from '../../../protocol/index.ts';
import { lookBackProperty } from '../../kit/tables-source/look-back.ts';

/** Either `url`, or its parts. */
export interface MysqlSourceConfig {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly ssl?: 'disable' | 'require' | 'verify-full';
  /** PEM text of those that sign the server's certificate. */
  readonly ssl_ca?: string;
  /** Absent: `database`; without that all but the system's. */
  readonly databases?: readonly string[];
  /** See `lookBackPattern`. */
  readonly look_back?: string;
  readonly checkpoint_records?: number;
}

export const defaultPort = 3306;
export const defaultCheckpointRecords = 10_000;

/** A config as the driver takes it. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** null: none is named. */
  readonly database: string | null;
}

export function loginOf(config: MysqlSourceConfig): Login {
  const { host = '', port = defaultPort, username = '', password = '' } = config;
  if (config.url === undefined)
    return { host, port, user: username, password, database: config.database ?? null };
  const login = loginIn(config.url);
  if (login !== null) return { ...login, database: login.database ?? config.database ?? null };
  throw new SyncError('config_error', 'The MySQL URL is not valid.', {
    origin: 'source',
    place: 'url in the config of the source',
    remedy: 'Write it as mysql://user:password@host:3306/database.',
  });
}

/** null: it is no such URL. (What the parser throws would hold the password.) */
function loginIn(text: string): Login | null {
  try {
    const url = new URL(text);
    if (!/^(mysql|mariadb):$/.test(url.protocol) || url.hostname === '') return null;
    const database = decodeURIComponent(url.pathname.slice(1));
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? defaultPort : Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: database === '' ? null : database,
    };
  } catch {
    return null;
  }
}

export const mysqlSourceSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'MySQL or MariaDB source',
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['url'] }, { required: ['host', 'username'] }],
    properties: {
      url: {
        type: 'string',
        title: 'URL',
        description: 'mysql://user:password@host:3306/database; instead of the parts below.',
        airbyte_secret: true,
        order: 0,
      },
      host: { type: 'string', title: 'Host', examples: ['db.example.com'], order: 1 },
      port: {
        type: 'integer',
        title: 'Port',
        minimum: 1,
        maximum: 65535,
        default: defaultPort,
        order: 2,
      },
      database: { type: 'string', title: 'Database', examples: ['shop'], order: 3 },
      username: { type: 'string', title: 'User', examples: ['tidemark'], order: 4 },
      password: { type: 'string', title: 'Password', airbyte_secret: true, order: 5 },
      ssl: {
        type: 'string',
        title: 'Encryption',
        description:
          '`require` encrypts without checking who answers; `verify-full` checks the certificate and the host name.',
        enum: ['disable', 'require', 'verify-full'],
        default: 'disable',
        order: 6,
      },
      ssl_ca: {
        type: 'string',
        title: 'Certificate authority',
        description:
          'For `verify-full`: PEM text of the authority that signed the server’s certificate, where it is not a public one.',
        order: 7,
      },
      databases: {
        type: 'array',
        title: 'Databases',
        description:
          "Whose tables and views are offered. Absent: that of `database` or of the URL; without one all but the system's own.",
        items: { type: 'string', minLength: 1 },
        minItems: 1,
        uniqueItems: true,
        examples: [['shop', 'billing']],
        order: 8,
      },
      look_back: { ...lookBackProperty, order: 9 },
      checkpoint_records: {
        type: 'integer',
        title: 'Records per checkpoint',
        description: 'A state follows after so many records; a table is read in such pieces.',
        minimum: 1,
        maximum: 10_000_000,
        default: defaultCheckpointRecords,
        order: 10,
      },
    },
  },
  supportsIncremental: true,
};
