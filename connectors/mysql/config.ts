import { SyncError, type ConnectorSpecification } from '../../protocol/index.ts';

/** Either `url`, or its parts. */
export interface MysqlConfig {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
  readonly ssl?: 'disable' | 'require' | 'verify-full';
  /** PEM text of those that sign the server's certificate. */
  readonly ssl_ca?: string;
}

export const defaultPort = 3306;

/** A config as the driver takes it. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

export function loginOf(config: MysqlConfig): Login {
  if (config.url === undefined) {
    const { host = '', port = defaultPort, database = '', username = '', password = '' } = config;
    return { host, port, user: username, password, database };
  }
  const login = loginIn(config.url);
  if (login !== null) return login;
  throw new SyncError('config_error', 'The MySQL URL is not valid.', {
    origin: 'destination',
    remedy: 'Check url in the config: mysql://user:password@host:3306/database.',
  });
}

/** null: it is no such URL. (What the parser throws would hold the password.) */
function loginIn(text: string): Login | null {
  try {
    const url = new URL(text);
    const database = decodeURIComponent(url.pathname.slice(1));
    if (!/^(mysql|mariadb):$/.test(url.protocol) || url.hostname === '' || database === '')
      return null;
    return {
      host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: url.port === '' ? defaultPort : Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database,
    };
  } catch {
    return null;
  }
}

export const mysqlSpec: ConnectorSpecification = {
  connectionSpecification: {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'MySQL or MariaDB destination',
    type: 'object',
    additionalProperties: false,
    anyOf: [{ required: ['url'] }, { required: ['host', 'database', 'username'] }],
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
      database: {
        type: 'string',
        title: 'Database',
        description: "For streams without a namespace, and for Tidemark's own tables. Must exist.",
        examples: ['warehouse'],
        order: 3,
      },
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
    },
  },
  supported_destination_sync_modes: ['append', 'append_dedup', 'overwrite'],
  supportsIncremental: true,
};
