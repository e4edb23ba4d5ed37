import type { Bucket as Bucketed } from './bucket.ts';
import { listKeys, removeKeys } from '../../kit/s3/keys.ts';
import type { Store } from './store.ts';

const missing = new Set([404]);
/** Precondition failed; the object is being changed; If-Match, and there is none. */
export const conditionFailed = new Set([412, 409, 404]);

type Objects = Pick<Store, 'get' | 'metadata' | 'put' | 'putIf' | 'keys' | 'remove'>;

export function objectsOf(bucket: Bucketed): Objects {
  const { sdk, Bucket, sse, checksum, options, ask, askUnless } = bucket;
  return {
    get: (Key) =>
      askUnless(missing, 's3:GetObject', Key, async (s3) => {
        const { Body, ETag } = await s3.send(new sdk.GetObjectCommand({ Bucket, Key }), options);
        return { bytes: Buffer.from(await Body!.transformToByteArray()), etag: ETag! };
      }),
    metadata: (Key) =>
      askUnless(missing, 's3:GetObject', Key, async (s3) => {
        const { Metadata } = await s3.send(new sdk.HeadObjectCommand({ Bucket, Key }), options);
        return Metadata ?? {};
      }),
    async put(Key, Body) {
      const command = new sdk.PutObjectCommand({ Bucket, Key, Body, ...sse, ...checksum });
      await ask('s3:PutObject', Key, (s3) => s3.send(command, options));
    },
    async putIf(Key, Body, etag, marks) {
      const command = new sdk.PutObjectCommand({
        ...{ Bucket, Key, Body, ...sse, ...checksum },
        ...(etag === null ? { IfNoneMatch: '*' } : { IfMatch: etag }),
        ...(marks !== undefined && { Metadata: { ...marks } }),
      });
      const put = await askUnless(conditionFailed, 's3:PutObject', Key, (s3) =>
        s3.send(command, options),
      );
      return put === null ? null : put.ETag!;
    },
    keys: (prefix, below) => listKeys(bucket, prefix, below),
    remove: (keys) => removeKeys(bucket, keys),
  };
}
