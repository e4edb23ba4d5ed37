import pg from 'pg';
import type { RedshiftConfig } from '../../connectors/redshift/index.ts';
import { testDatabase, type TestDatabase } from './postgres.ts';
import { copyRole } from './redshift/load.ts';
import { prelude, searchPath } from './redshift/prelude.ts';
import { openBucket, type TestBucket } from './s3-bucket.ts';

export interface TestRedshift {
  readonly config: RedshiftConfig;
  /** The tables, where they are. */
  readonly database: TestDatabase;
  readonly bucket: TestBucket;
  drop(): Promise<void>;
}

function serverUrl(): string {
  const url = process.env['TEST_REDSHIFT_URL'];
  if (url) return url;
  throw new Error('TEST_REDSHIFT_URL is not set. Run the tests with `npm test`: see test/support.');
}

/** A database of its own, and a place in the bucket. */
export async function testRedshift(): Promise<TestRedshift> {
  const database = await testDatabase();
  const name = new URL(database.url).pathname.slice(1);
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(prelude);
  await client.query(`ALTER DATABASE "${name}" SET search_path TO ${searchPath}`);
  await client.end();
  const bucket = await openBucket();
  const { access_key_id, secret_access_key, bucket: in_, prefix, endpoint } = bucket.config;
  return {
    config: {
      ...{ url: `${serverUrl()}/${name}`, ssl: 'disable', iam_role: copyRole },
      ...{ bucket: in_, prefix: prefix!, endpoint: endpoint! },
      ...{ access_key_id: access_key_id!, secret_access_key: secret_access_key! },
    },
    ...{ database, bucket },
    async drop() {
      bucket.close();
      await database.drop();
    },
  };
}
