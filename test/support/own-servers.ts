import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../worker/dev-server.ts';
import { startBigQuery } from './bigquery-server.ts';
import { startMysql } from './mysql-server.ts';
import { startPostgres } from './postgres-server.ts';
import { startRedshift } from './redshift-server.ts';
import { startS3 } from './s3-server.ts';
import { startSnowflake } from './snowflake-server.ts';
import { serviceConfig, type WarehouseKind } from './warehouse.ts';

/** Told how to undo what was opened. */
export type OnOpened = (stop: () => Promise<void>) => void;

interface Asked {
  readonly mysql?: boolean;
  /** Their emulators. One whose own service is named by a config needs none. */
  readonly warehouses?: readonly WarehouseKind[];
}

/** For programs, as the tests have them: Postgres, Temporal and what is asked for. One that the environment names is used as it is. */
export async function startServers(
  onOpened: OnOpened,
  { mysql = false, warehouses = [] }: Asked = {},
): Promise<void> {
  const start = async (
    variable: string,
    begin: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
  ): Promise<void> => {
    if (process.env[variable]) return;
    const server = await begin();
    onOpened(() => server.stop());
    process.env[variable] = server.url;
  };
  if (mysql) await start('TEST_MYSQL_URL', () => startMysql('mysql'));
  await start('TEST_POSTGRES_URL', startPostgres);
  const emulated = warehouses.filter((kind) => serviceConfig(kind) === null);
  if (emulated.includes('snowflake')) await start('TEST_SNOWFLAKE_URL', startSnowflake);
  if (emulated.includes('bigquery')) await start('TEST_BIGQUERY_ENDPOINT', startBigQuery);
  if (emulated.includes('redshift')) {
    await start('TEST_S3_ENDPOINT', startS3);
    await start('TEST_REDSHIFT_URL', startRedshift);
  }
  if (process.env['TEST_TEMPORAL_ADDRESS']) return;
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  onOpened(() => rm(directory, { recursive: true, force: true }));
  const temporal = await startDevServer({ directory });
  onOpened(() => temporal.stop());
  process.env['TEST_TEMPORAL_ADDRESS'] = temporal.address;
}
