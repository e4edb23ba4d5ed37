import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../worker/dev-server.ts';
import { startPostgres } from './postgres-server.ts';
import { startS3 } from './s3-server.ts';
import { serversAsked, type ChosenFiles } from './servers-asked.ts';

/** Servers that the tests share; one named by the environment is used as it is. Each test makes its own database, queue and names. */
export default async function setup(config: ChosenFiles): Promise<void> {
  const asked = serversAsked(config);
  const syncs = asked.has('temporal') || asked.has('pypi');
  const stops: (() => Promise<void>)[] = [];
  (globalThis as { stopTestServers?: typeof stops }).stopTestServers = stops;
  if ((syncs || asked.has('pg')) && !process.env['TEST_POSTGRES_URL']) {
    const postgres = await startPostgres();
    stops.push(() => postgres.stop());
    process.env['TEST_POSTGRES_URL'] = postgres.url;
  }
  if (syncs && !process.env['TEST_TEMPORAL_ADDRESS']) {
    const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
    const temporal = await startDevServer({ directory });
    stops.push(async () => {
      await temporal.stop();
      await rm(directory, { recursive: true, force: true });
    });
    process.env['TEST_TEMPORAL_ADDRESS'] = temporal.address;
  }
  if (asked.has('s3') && !process.env['TEST_S3_ENDPOINT']) {
    const s3 = await startS3();
    stops.push(() => s3.stop());
    process.env['TEST_S3_ENDPOINT'] = s3.endpoint;
  }
}
