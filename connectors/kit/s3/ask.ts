import type { S3Client } from '@aws-sdk/client-s3';
import { clientOf, loadSdk, type Sdk } from './client.ts';
import { placeOf, type S3Connection } from './config.ts';
import { asS3Error, statusOf, type End } from './errors.ts';

/** A bucket that is asked. */
export interface Asking {
  readonly sdk: Sdk;
  readonly Bucket: string;
  readonly end: End;
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

export interface AskingOptions {
  readonly end: End;
  readonly checksums: 'crc32' | 'none';
  readonly abort: AbortSignal;
}

export async function openAsking(
  config: S3Connection,
  { end, checksums, abort }: AskingOptions,
): Promise<Asking> {
  const sdk = await loadSdk();
  const client = clientOf(sdk, config, checksums);
  const place = (key: string): string => placeOf({ ...config, prefix: key });
  const askUnless: Asking['askUnless'] = async (none, action, key, work) => {
    try {
      return await work(client);
    } catch (error) {
      const status = statusOf(error);
      // That a bucket is missing is another matter than a key.
      const isBucket = (error as Error).name === 'NoSuchBucket';
      if (status !== undefined && none.has(status) && !isBucket && !abort.aborted) return null;
      throw asS3Error(error, { action, end, place: place(key) }, abort);
    }
  };
  return {
    ...{ sdk, end, Bucket: config.bucket, options: { abortSignal: abort }, askUnless, place },
    ask: async (action, key, work) => (await askUnless(new Set(), action, key, work))!,
    close: () => client.destroy(),
  };
}
