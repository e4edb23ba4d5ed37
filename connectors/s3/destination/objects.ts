import type { Bucket as Bucketed } from './bucket.ts';
import { asS3Error } from '../errors.ts';
import type { Store } from './store.ts';

/** S3's own bound of one request. */
const keysAtOnce = 1000;

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
    keys: (prefix, below) => listed(bucket, prefix, below),
    async remove(keys) {
      for (let i = 0; i < keys.length; i += keysAtOnce)
        await removeSome(bucket, keys.slice(i, i + keysAtOnce));
    },
  };
}

async function listed(
  { sdk, Bucket, options, ask }: Bucketed,
  Prefix: string,
  below: 'below' | 'here',
): Promise<readonly string[]> {
  const found: string[] = [];
  let token: string | undefined;
  do {
    const command = new sdk.ListObjectsV2Command({
      ...{ Bucket, Prefix },
      ...(below === 'here' && { Delimiter: '/' }),
      ...(token !== undefined && { ContinuationToken: token }),
    });
    const page = await ask('s3:ListBucket', Prefix, (s3) => s3.send(command, options));
    found.push(...(page.Contents ?? []).map(({ Key }) => Key!));
    token = page.NextContinuationToken;
  } while (token !== undefined);
  return found;
}

async function removeSome(
  { sdk, Bucket, options, ask, place }: Bucketed,
  keys: readonly string[],
): Promise<void> {
  const Objects = keys.map((Key) => ({ Key }));
  const command = new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } });
  const action = 's3:DeleteObject';
  const { Errors } = await ask(action, keys[0]!, (s3) => s3.send(command, options));
  const [refused] = Errors ?? [];
  if (refused === undefined) return;
  const { Code, Key = keys[0]! } = refused;
  const status = Code === 'AccessDenied' ? 403 : 500;
  const error = { Code, $metadata: { httpStatusCode: status } };
  throw asS3Error(error, { action, end: 'destination', place: place(Key) }, options.abortSignal);
}
