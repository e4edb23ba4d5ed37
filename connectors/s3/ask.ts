import type { S3Client } from '@aws-sdk/client-s3';
import { clientOf, loadSdk, type Sdk } from './client.ts';
import { placeOf, type S3Config } from './config.ts';
import { asS3Error, statusOf } from './errors.ts';

/** A bucket, as its requests need it. */
export interface Bucket {
  readonly sdk: Sdk;
  readonly Bucket: string;
  /** For requests that make an object. */
  readonly sse: { ServerSideEncryption?: 'AES256' | 'aws:kms'; SSEKMSKeyId?: string };
  readonly checksum: { ChecksumAlgorithm?: 'CRC32' };
  /** Of each request. */
  readonly options: { readonly abortSignal: AbortSignal };
  /** What `work` gives. `action`: IAM's name of it. */
  readonly ask: <T>(action: string, key: string, work: (s3: S3Client) => Promise<T>) => Promise<T>;
  /** The same; null where S3 answers with one of these. */
  readonly askUnless: <T>(
    none: ReadonlySet<number>,
    action: string,
    key: string,
    work: (s3: S3Client) => Promise<T>,
  ) => Promise<T | null>;
  /** For people. */
  readonly place: (key: string) => string;
  readonly close: () => void;
}

export async function openBucket(config: S3Config, abort: AbortSignal): Promise<Bucket> {
  const sdk = await loadSdk();
  const client = clientOf(sdk, config);
  const place = (key: string): string => placeOf({ ...config, prefix: key });
  const askUnless: Bucket['askUnless'] = async (none, action, key, work) => {
    try {
      return await work(client);
    } catch (error) {
      const status = statusOf(error);
      // That a bucket is missing is another matter than a key.
      const isBucket = (error as Error).name === 'NoSuchBucket';
      if (status !== undefined && none.has(status) && !isBucket && !abort.aborted) return null;
      throw asS3Error(error, { action, place: place(key) }, abort);
    }
  };
  return {
    ...{ sdk, Bucket: config.bucket, options: { abortSignal: abort }, askUnless, place },
    sse: {
      ...(config.encryption !== undefined && { ServerSideEncryption: config.encryption }),
      ...(config.kms_key_id !== undefined && { SSEKMSKeyId: config.kms_key_id }),
    },
    checksum: config.checksums === 'none' ? {} : { ChecksumAlgorithm: 'CRC32' },
    ask: async (action, key, work) => (await askUnless(new Set(), action, key, work))!,
    close: () => client.destroy(),
  };
}
