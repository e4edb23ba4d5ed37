import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteBucketPolicyCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutBucketPolicyCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { objectPaths, type Manifest } from '../../connectors/kit/files/manifest.ts';
import type { S3Config } from '../../connectors/s3/index.ts';
import type { JsonObject } from '../../protocol/index.ts';
import { ownerKey, workerKey } from './s3-server.ts';

/** A prefix of its own (or the one that it is told), looked at with another client. */
export interface TestBucket {
  readonly config: S3Config;
  manifests(): Promise<readonly Manifest[]>;
  /** Keys that people's programs see, below the prefix. */
  listing(): Promise<readonly string[]>;
  /** Tidemark's own, below the prefix. */
  own(): Promise<readonly string[]>;
  text(path: string): Promise<string>;
  put(path: string, body: string | Uint8Array): Promise<void>;
  /** Makes a directory hold the manifests, and what they name. */
  copyTo(directory: string): Promise<void>;
  /** Keys of uploads that are not complete. */
  uploads(): Promise<readonly string[]>;
  /** Denies these to all but the bucket's owner, at this path or everywhere. Of a bucket that no other test uses. */
  deny(actions: readonly string[], path?: string): Promise<void>;
  /** Sets the bucket's policy. */
  policy(statements: readonly JsonObject[]): Promise<void>;
  /** Denies nothing any more. */
  allow(): Promise<void>;
  close(): void;
}

/** The server keeps each bucket in files of its own: one for all who need no other. */
const shared = 'tidemark-tests';
export const ownBucket = (): string => `tidemark-${randomBytes(6).toString('hex')}`;

export const endpoint = (): string => {
  const url = process.env['TEST_S3_ENDPOINT'];
  if (url === undefined) throw new Error('TEST_S3_ENDPOINT is not set: see test/support.');
  return url;
};

const ownerClient = (at: string): S3Client =>
  new S3Client({
    endpoint: at,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: {
      accessKeyId: process.env['TEST_S3_ACCESS_KEY'] ?? ownerKey.id,
      secretAccessKey: process.env['TEST_S3_SECRET_KEY'] ?? ownerKey.secret,
    },
  });

export async function openBucket(more: Partial<S3Config> = {}): Promise<TestBucket> {
  const Bucket = more.bucket ?? shared;
  const prefix = more.prefix ?? `lake/${randomBytes(6).toString('hex')}`;
  const at = more.endpoint ?? endpoint();
  const client = ownerClient(at);
  await client.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
    if (!(error instanceof Error) || !error.name.startsWith('BucketAlready')) throw error;
  });
  const config: S3Config = {
    ...more,
    ...{ prefix, bucket: Bucket, endpoint: at },
    access_key_id: process.env['TEST_S3_WORKER_KEY'] ?? workerKey.id,
    secret_access_key: process.env['TEST_S3_WORKER_SECRET'] ?? workerKey.secret,
  };
  const keys = async (): Promise<readonly string[]> => {
    const { Contents } = await client.send(
      new ListObjectsV2Command({ Bucket, Prefix: `${prefix}/` }),
    );
    return (Contents ?? []).map(({ Key }) => Key!.slice(prefix.length + 1));
  };
  const bytes = async (path: string): Promise<Uint8Array> => {
    const { Body } = await client.send(new GetObjectCommand({ Bucket, Key: `${prefix}/${path}` }));
    return Body!.transformToByteArray();
  };
  const text = async (path: string): Promise<string> => Buffer.from(await bytes(path)).toString();
  const manifests = async (): Promise<readonly Manifest[]> => {
    const names = (await keys()).filter((key) => /^_tidemark\/[^/]+\.json$/.test(key));
    return Promise.all(names.map(async (name) => JSON.parse(await text(name)) as Manifest));
  };
  const policy = async (Statement: readonly JsonObject[]): Promise<void> => {
    const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
    await client.send(new PutBucketPolicyCommand({ Bucket, Policy }));
  };
  const copyTo = async (directory: string): Promise<void> => {
    for (const one of await manifests()) {
      for (const path of objectPaths(one)) {
        const file = join(directory, path);
        if (existsSync(file)) continue;
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, await bytes(path));
      }
      mkdirSync(join(directory, '_tidemark'), { recursive: true });
      writeFileSync(join(directory, '_tidemark', `${one.connection.id}.json`), JSON.stringify(one));
    }
  };
  return {
    ...{ config, manifests, text, copyTo },
    listing: async () => (await keys()).filter((key) => !key.startsWith('_tidemark/')),
    own: async () => (await keys()).filter((key) => key.startsWith('_tidemark/')),
    async put(path, body) {
      const Key = `${prefix}/${path}`;
      await client.send(new PutObjectCommand({ Bucket, Key, Body: body }));
    },
    async uploads() {
      const { Uploads } = await client.send(
        new ListMultipartUploadsCommand({ Bucket, Prefix: prefix }),
      );
      return (Uploads ?? []).map(({ Key }) => Key!);
    },
    async deny(Action, path) {
      const all = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
      const Resource = path === undefined ? all : [`arn:aws:s3:::${Bucket}/${prefix}/${path}`];
      await policy([{ Effect: 'Deny', Principal: '*', Action, Resource }]);
    },
    policy,
    async allow() {
      await client.send(new DeleteBucketPolicyCommand({ Bucket }));
    },
    close: () => client.destroy(),
  };
}
