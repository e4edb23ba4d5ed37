import { openAsking, type Asking } from '../../kit/s3/ask.ts';
import type { S3Config } from './config.ts';

/** A bucket, as requests that make objects need it. */
export interface Bucket extends Asking {
  /** For requests that make an object. */
  readonly sse: { ServerSideEncryption?: 'AES256' | 'aws:kms'; SSEKMSKeyId?: string };
  readonly checksum: { ChecksumAlgorithm?: 'CRC32' };
}

export async function openBucket(config: S3Config, abort: AbortSignal): Promise<Bucket> {
  const { checksums = 'crc32' } = config;
  return {
    ...(await openAsking(config, { end: 'destination', checksums, abort })),
    sse: {
      ...(config.encryption !== undefined && { ServerSideEncryption: config.encryption }),
      ...(config.kms_key_id !== undefined && { SSEKMSKeyId: config.kms_key_id }),
    },
    checksum: checksums === 'none' ? {} : { ChecksumAlgorithm: 'CRC32' },
  };
}
