import type { JsonObject } from '../../protocol/index.ts';
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

export const serverRequired = [
  { required: ['url'] },
  { required: ['host', 'database', 'username'] },
];

/** Their `order` goes up to 7. */
export const serverProperties: JsonObject = {
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
      '`require` encrypts without checking who answers; `verify-full` checks the certificate and the host name. Absent: as the URL says, or else not.',
    enum: ['disable', 'require', 'verify-full'],
    order: 6,
  },
  ssl_ca: { ...authorityProperty, order: 7 },
};
