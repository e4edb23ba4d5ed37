import type { AddressInfo } from 'node:net';
import { startProxy } from './redshift/proxy.ts';

/** For people. */
export const redshiftProduct = 'a stand-in over Postgres 15 and SeaweedFS';

/**
 * A stand-in for Redshift, in this process. Its tables are in the tests' Postgres, and it loads from their S3 server: both are looked for when a
 * client comes, so that all three may start at once.
 */
export async function startRedshift(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const named = (variable: string): string => {
    const value = process.env[variable];
    if (value === undefined || value === '') throw new Error(`${variable} is not set`);
    return value;
  };
  const server = await startProxy({
    postgres: () => new URL(named('TEST_POSTGRES_URL')),
    s3: () => named('TEST_S3_ENDPOINT'),
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://postgres@127.0.0.1:${port}`,
    stop: async () => {
      // It waits for no client.
      server.close();
    },
  };
}
