import { isIP } from 'node:net';
import { SyncError, type JsonObject } from '../../protocol/index.ts';
import { authorityProperty, type Encryption } from '../kit/ssl.ts';

/** Where a server is, of both ends: either `url`, or its parts. */
export interface ServerConfig extends Encryption {
  readonly url?: string;
  readonly host?: string;
  readonly port?: number;
  readonly database?: string;
  readonly username?: string;
  readonly password?: string;
}

export type Origin = 'source' | 'destination';

const defaultPort = 3306;

/** A config as the driver takes it. */
export interface Login {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** null: none is named. */
  readonly database: string | null;
}

export function loginOf(config: ServerConfig, origin: Origin): Login {
  const login = loginAsGiven(config, origin);
  // The driver would look for "localhost" in the certificate of any address.
  if (config.ssl === 'verify-full' && isIP(login.host) !== 0) throw noName(origin);
  return login;
}

function loginAsGiven(config: ServerConfig, origin: Origin): Login {
  const { host = '', port = defaultPort, username = '', password = '' } = config;
  const database = config.database ?? null;
  if (config.url === undefined) return { host, port, user: username, password, database };
  const login = loginIn(config.url);
  if (login === null) throw invalidUrl(origin);
  return { ...login, database: login.database ?? database };
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

export function invalidUrl(origin: Origin): SyncError {
  return new SyncError('config_error', 'The MySQL URL is not valid.', {
    origin,
    place: `url in the config of the ${origin}`,
    remedy: 'Write it as mysql://user:password@host:3306/database.',
  });
}

function noName(origin: Origin): SyncError {
  return new SyncError('config_error', 'verify-full needs the name of the MySQL server.', {
    origin,
    place: `host or url in the config of the ${origin}`,
    remedy:
      'Write the name that stands in its certificate instead of an address; or use ssl: require, which does not check who answers.',
  });
}

/** Server and its database, for people. */
export const placeOf = ({ host, port, database }: Login): string =>
  `${host}:${port}${database === null ? '' : `/${database}`}`;

/** Their `order` goes up to 7. `database`: what an end says of it. */
export const serverProperties = (database: JsonObject): JsonObject => ({
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
  database: { type: 'string', title: 'Database', ...database, order: 3 },
  username: { type: 'string', title: 'User', examples: ['tidemark'], order: 4 },
  password: { type: 'string', title: 'Password', airbyte_secret: true, order: 5 },
  ssl: {
    type: 'string',
    title: 'Encryption',
    description:
      '`require` encrypts without checking who answers; `verify-full` checks the certificate and the host name, which must be a name, no address.',
    enum: ['disable', 'require', 'verify-full'],
    default: 'disable',
    order: 6,
  },
  ssl_ca: { ...authorityProperty, order: 7 },
});
