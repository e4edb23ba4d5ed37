import type { ConnectionOptions } from 'node:tls';

/** What a config says of encryption. */
export interface Encryption {
  readonly ssl?: 'disable' | 'require' | 'verify-full';
  /** PEM text. */
  readonly ssl_ca?: string;
}

/** Of `ssl_ca`, in a spec. */
export const authorityProperty = {
  type: 'string',
  title: 'Certificate authority',
  description:
    'For `verify-full`: PEM text of the authority that signed the server’s certificate, where it is not a public one.',
};

/** As the driver of Postgres' protocol takes it. It compares the certificate with the name or address that it connects to. */
export function sslOf(
  ssl: NonNullable<Encryption['ssl']>,
  ca: string | undefined,
): false | ConnectionOptions {
  if (ssl === 'disable') return false;
  return { rejectUnauthorized: ssl === 'verify-full', ...(ca !== undefined && { ca }) };
}
