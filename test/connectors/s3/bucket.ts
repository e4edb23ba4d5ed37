import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { s3Destination, type S3Config } from '../../../connectors/s3/index.ts';
import { openBucket, type TestBucket } from '../../support/s3-bucket.ts';
import { queryWritten } from '../files/written.ts';
import type { Harness } from '../harness.ts';

export type BucketHarness = Harness<S3Config> & TestBucket;

export async function createBucket(more: Partial<S3Config> = {}): Promise<BucketHarness> {
  const bucket = await openBucket(more);
  const { config } = bucket;
  return {
    ...bucket,
    ...{ destination: s3Destination, schema: 'main' },
    broken: {
      'a bucket': { ...config, bucket: `${config.bucket}-missing` },
      'a key': { ...config, access_key_id: 'nobody' },
      'a secret': { ...config, secret_access_key: 'wrong' },
      'a template': { ...config, template: '../{stream}/{sync}-{attempt}-{part}.{ext}' },
      'a format': { ...config, format: 'avro' as 'csv' },
    },
    async query(sql) {
      const root = mkdtempSync(join(tmpdir(), 'tidemark-objects-'));
      try {
        await bucket.copyTo(root);
        return await queryWritten(root, await bucket.manifests(), sql);
      } finally {
        rmSync(root, { recursive: true });
      }
    },
    drop: () => Promise.resolve(bucket.close()),
  };
}
