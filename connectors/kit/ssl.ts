import type { ConnectionOptions } from 'node:tls';

/** What a config says of encryption, to a server that speaks Postgres' protocol. */
export interface Encryption {
  readonly ssl?: 'disable' | 'require' | 'verify-full';
  /** PEM text. */
  readonly ssl_ca?: string;
}

/** As the driver takes it. It compares the certificate with the name or address that it connects to. */
export function sslOf({
  ssl,
  ssl_ca: ca,
}: Required<Pick<Encryption, 'ssl'>> & Encryption): false | ConnectionOptions {
  if (ssl === 'disable') return false;
  return { rejectUnauthorized: ssl === 'verify-full', ...(ca !== undefined && { ca }) };
}
