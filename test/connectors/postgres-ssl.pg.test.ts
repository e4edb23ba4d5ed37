import { chown, copyFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import {
  postgresDestination,
  postgresSource,
  type PostgresConfig,
} from '../../connectors/postgres/index.ts';
import { certificateFor, type TestCertificate } from '../support/certificates.ts';
import { startPostgres, type RunningServer } from '../support/postgres-server.ts';
import { failure, never } from './harness.ts';

let certificate: TestCertificate;
let server: RunningServer;
beforeAll(async () => {
  certificate = await certificateFor('localhost');
  server = await startPostgres();
});
afterAll(async () => {
  await server.stop();
  await certificate.drop();
});

async function administer(...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  for (const sql of statements) await client.query(sql);
  await client.end();
}

/** The server takes its key from nobody but its own user. */
async function encrypt(): Promise<void> {
  const { uid, gid } = await stat(server.directory);
  const own = async (file: string): Promise<string> => {
    const copy = join(server.directory, file.endsWith('.key') ? 'own.key' : 'own.pem');
    await copyFile(file, copy);
    await chown(copy, uid, gid);
    return copy;
  };
  const { certificate: shown, key } = certificate.files;
  await administer(
    `ALTER SYSTEM SET ssl_cert_file = '${await own(shown)}'`,
    `ALTER SYSTEM SET ssl_key_file = '${await own(key)}'`,
    'ALTER SYSTEM SET ssl = on',
    'CREATE TABLE t (id int)',
  );
  await server.restart();
}

test('verify-full takes a certificate from who vouches for it, under the name or address that is asked for, and else refuses it', async () => {
  const at = (host: string, more: Partial<PostgresConfig>, search = ''): PostgresConfig => ({
    url: `postgres://postgres@${host}:${server.port}/postgres${search}`,
    ...more,
  });
  const unencrypted = await failure(
    postgresDestination.check(at('localhost', { ssl: 'require' }), never),
  );
  expect([unencrypted.kind, unencrypted.message]).toEqual([
    'config_error',
    'The Postgres server does not encrypt.',
  ]);
  await encrypt();
  const other = await certificateFor('localhost');
  const { ca } = certificate;
  const full = { ssl: 'verify-full', ssl_ca: ca } as const;
  for (const [end, origin] of [
    [postgresDestination, 'destination'],
    [postgresSource, 'source'],
  ] as const) {
    const told = async (config: PostgresConfig): Promise<void> => {
      const error = await failure(end.check(config, never));
      expect([error.kind, error.origin, error.message]).toEqual([
        'config_error',
        origin,
        'The certificate of the Postgres server was refused.',
      ]);
      expect(error.remedy).toContain('ssl_ca');
    };
    await end.check(at('localhost', full), never);
    // What the URL says beside it does not weaken it.
    await end.check(at('localhost', full, '?sslmode=disable&connect_timeout=9'), never);
    await told(at('localhost', { ...full, ssl_ca: other.ca }, '?sslmode=disable'));
    await told(at('localhost', { ssl: 'verify-full' }));
    // The same server under another name, and by an address, for which its certificate does not stand.
    await told(at('127.1', full));
    await told(at('127.0.0.1', full));
    await end.check(at('127.0.0.1', { ssl: 'require' }), never);
  }
  await other.drop();
});
