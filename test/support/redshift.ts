import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { keyPrefix, type S3Connection } from '../../connectors/kit/s3/config.ts';
import { defaultPort, type RedshiftConfig } from '../../connectors/redshift/config.ts';
import { tableSql } from '../../connectors/redshift/sql.ts';
import { zoneOf, type TextRow } from '../connectors/harness.ts';
import { testDatabase, type TestDatabase } from './postgres.ts';
import { copyRole } from './redshift/load.ts';
import { prelude, searchPath } from './redshift/prelude.ts';
import { openBucket, type TestBucket } from './s3-bucket.ts';
import { ownPrefix, ownSchema, serviceConfig, type TestWarehouse } from './warehouse.ts';

/** A schema of its own, and a place in the bucket. */
export type TestRedshift = TestWarehouse<RedshiftConfig>;

function serverUrl(): string {
  const url = process.env['TEST_REDSHIFT_URL'];
  if (url) return url;
  throw new Error('TEST_REDSHIFT_URL is not set. Run the tests with `npm test`: see test/support.');
}

/** Of Redshift itself where TEST_REDSHIFT_CONFIG names its config, else of the stand-in. */
export async function testRedshift(): Promise<TestRedshift> {
  const config = serviceConfig<RedshiftConfig>('redshift');
  return config === null ? testStandIn() : ofService(config);
}

export interface StandInRedshift extends TestRedshift {
  /** The tables, where they are. */
  readonly database: TestDatabase;
  readonly bucket: TestBucket;
}

/** A database of its own. */
export async function testStandIn(): Promise<StandInRedshift> {
  const database = await testDatabase();
  await database.query(prelude);
  const name = new URL(database.url).pathname.slice(1);
  await database.query(`ALTER DATABASE "${name}" SET search_path TO ${searchPath}`);
  const bucket = await openBucket();
  const { access_key_id, secret_access_key, bucket: in_, prefix, endpoint } = bucket.config;
  const config: RedshiftConfig = {
    ...{ url: `${serverUrl()}/${name}`, ssl: 'disable', iam_role: copyRole },
    ...{ bucket: in_, prefix: prefix!, endpoint: endpoint! },
    ...{ access_key_id: access_key_id!, secret_access_key: secret_access_key! },
  };
  const client = await connect(config);
  return {
    ...{ ...lookedAt(config, 'public', client), database, bucket },
    files: async () => [...(await bucket.listing()), ...(await bucket.own())],
    async drop() {
      bucket.close();
      await client.end();
      await database.drop();
    },
  };
}

async function ofService(given: RedshiftConfig): Promise<TestRedshift> {
  const schema = ownSchema();
  const config = { ...given, schema, prefix: `${keyPrefix(given)}${schema}` };
  const client = await connect(config);
  await client.query(`CREATE SCHEMA "${schema}"`);
  const s3 = s3Of(config);
  return {
    ...lookedAt(config, schema, client),
    async files() {
      const Prefix = keyPrefix(config);
      const { Contents } = await s3.send(
        new ListObjectsV2Command({ Bucket: config.bucket, Prefix }),
      );
      return (Contents ?? []).map(({ Key }) => Key!.slice(Prefix.length));
    },
    async drop() {
      for (const one of [schema, zoneOf(schema).toLowerCase()])
        await client.query(`DROP SCHEMA IF EXISTS "${one}" CASCADE`);
      await client.end();
      s3.destroy();
    },
  };
}

const lookedAt = (
  config: RedshiftConfig,
  schema: string,
  client: pg.Client,
): Omit<TestRedshift, 'files' | 'drop'> => {
  const query = async (text: string): Promise<readonly TextRow[]> => {
    const { rows, fields } = await client.query<(string | null)[]>({ text, rowMode: 'array' });
    return rows.map((row): TextRow =>
      Object.fromEntries(fields.map(({ name }, i) => [name, row[i]!])),
    );
  };
  return {
    ...{ config, schema, query },
    table: (name) => tableSql(schema, name),
    async ownTables() {
      const rows = await query(
        `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = '${schema}' AND c.relkind = 'r' AND left(c.relname, ${ownPrefix.length}) = '${ownPrefix}'`,
      );
      return rows.map((row) => row['name']!);
    },
  };
};

const booleanOid = 16;
/** Values as the server writes them, not as the driver reads them. */
const asText = {
  getTypeParser: (oid: number) =>
    oid === booleanOid ? (v: string) => (v === 't' ? 'true' : 'false') : (v: string) => v,
};

async function connect(config: RedshiftConfig): Promise<pg.Client> {
  const client = new pg.Client({ ...clientOf(config), types: asText as never });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SET timezone = 'UTC'`);
  return client;
}

function clientOf(config: RedshiftConfig): pg.ClientConfig {
  const { url, host, port, database, username, password, ssl, ssl_ca: ca } = config;
  const parts = url === undefined ? null : new URL(url);
  return {
    host: parts?.hostname ?? host,
    port: Number(parts?.port || port || defaultPort),
    database: parts?.pathname.slice(1) ?? database,
    user: parts === null ? username : decodeURIComponent(parts.username),
    password: parts === null ? password : decodeURIComponent(parts.password),
    ssl: ssl === 'disable' ? false : { rejectUnauthorized: ssl !== 'require', ...(ca && { ca }) },
  };
}

function s3Of({
  region = 'us-east-1',
  endpoint,
  access_key_id: id,
  secret_access_key: secret,
  session_token: token,
}: S3Connection): S3Client {
  return new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(id !== undefined &&
      secret !== undefined && {
        credentials: {
          ...{ accessKeyId: id, secretAccessKey: secret },
          ...(token !== undefined && { sessionToken: token }),
        },
      }),
  });
}
