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
import { serversAsked, type ChosenFiles } from './servers-asked.ts';
import { isWarehouse, serviceConfig } from './warehouse.ts';
import { bundleVariable, shareWorkflowBundle } from './workflow-bundle.ts';

interface Started {
  /** Or a path: the workflows' bundle is shared like a server. */
  readonly address: string;
  stop(): Promise<void>;
}

/** By the environment variable that names it: who asks for it, and how it is started. */
const servers: Readonly<
  Record<string, { readonly askedBy: readonly string[]; start(this: void): Promise<Started> }>
> = {
  TEST_POSTGRES_URL: {
    askedBy: ['pg', 'temporal', 'pypi', 'redshift'],
    start: async () => atUrl(await startPostgres()),
  },
  TEST_TEMPORAL_ADDRESS: { askedBy: ['temporal', 'pypi'], start: startTemporal },
  TEST_SNOWFLAKE_URL: {
    askedBy: ['snowflake'],
    start: async () => atUrl(await startSnowflake()),
  },
  TEST_S3_ENDPOINT: { askedBy: ['s3', 'redshift'], start: async () => atUrl(await startS3()) },
  TEST_REDSHIFT_URL: { askedBy: ['redshift'], start: async () => atUrl(await startRedshift()) },
  TEST_BIGQUERY_ENDPOINT: {
    askedBy: ['bigquery'],
    start: async () => atUrl(await startBigQuery()),
  },
  TEST_MYSQL_URL: { askedBy: ['mysql'], start: async () => atUrl(await startMysql('mysql')) },
  TEST_MARIADB_URL: { askedBy: ['mysql'], start: async () => atUrl(await startMysql('mariadb')) },
  [bundleVariable]: { askedBy: ['temporal'], start: makeBundle },
};

/** Servers that the tests share; one named by the environment is used as it is. Each test makes its own database, queue and names. */
export default async function setup(config: ChosenFiles): Promise<void> {
  const asked = serversAsked(config);
  // The service itself is what its tests run against.
  const emulated = [...asked].filter((kind) => !isWarehouse(kind) || serviceConfig(kind) === null);
  const stops: (() => Promise<void>)[] = [];
  (globalThis as { stopTestServers?: typeof stops }).stopTestServers = stops;
  const starting = Object.entries(servers).map(async ([variable, { askedBy, start }]) => {
    if (process.env[variable] || !askedBy.some((kind) => emulated.includes(kind))) return;
    // A port that was free when it was looked for may be taken by now: once more, with others.
    const server = await start().catch(() => start());
    stops.push(() => server.stop());
    process.env[variable] = server.address;
  });
  // All of them first: one that starts while another has failed must be stopped too.
  const failed = (await Promise.allSettled(starting)).find(({ status }) => status === 'rejected');
  if (failed === undefined) return;
  for (const stop of stops) await stop();
  throw (failed as PromiseRejectedResult).reason;
}

const atUrl = (server: { readonly url: string; stop(): Promise<void> }): Started => ({
  address: server.url,
  stop: () => server.stop(),
});

async function makeBundle(): Promise<Started> {
  const shared = await shareWorkflowBundle();
  return { address: shared.path, stop: () => shared.remove() };
}

async function startTemporal(): Promise<Started> {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  const temporal = await startDevServer({ directory });
  return {
    address: temporal.address,
    async stop() {
      await temporal.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
