import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../worker/dev-server.ts';
import { startMysql } from './mysql-server.ts';
import { startPostgres } from './postgres-server.ts';

/** Told how to undo what was opened. */
export type OnOpened = (stop: () => Promise<void>) => void;

/** For programs, as the tests have them: Postgres, Temporal and, where asked for, MySQL. One that the environment names is used as it is. */
export async function startServers(onOpened: OnOpened, withMysql = false): Promise<void> {
  if (withMysql && !process.env['TEST_MYSQL_URL']) {
    const mysql = await startMysql('mysql');
    onOpened(() => mysql.stop());
    process.env['TEST_MYSQL_URL'] = mysql.url;
  }
  if (!process.env['TEST_POSTGRES_URL']) {
    const postgres = await startPostgres();
    onOpened(() => postgres.stop());
    process.env['TEST_POSTGRES_URL'] = postgres.url;
  }
  if (process.env['TEST_TEMPORAL_ADDRESS']) return;
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  onOpened(() => rm(directory, { recursive: true, force: true }));
  const temporal = await startDevServer({ directory });
  onOpened(() => temporal.stop());
  process.env['TEST_TEMPORAL_ADDRESS'] = temporal.address;
}
