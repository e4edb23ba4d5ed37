import type { Asking } from './ask.ts';
import { asS3Error } from './errors.ts';

/** S3's own bound of one request. */
const keysAtOnce = 1000;

/** Whole keys that begin so; `here`: without those behind a further slash. */
export async function listKeys(
  { sdk, Bucket, options, ask }: Asking,
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

/** Those that are not there count as removed. */
export async function removeKeys(asking: Asking, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += keysAtOnce)
    await removeSome(asking, keys.slice(i, i + keysAtOnce));
}

async function removeSome(
  { sdk, Bucket, options, ask, place, end }: Asking,
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
  throw asS3Error(error, { action, end, place: place(Key) }, options.abortSignal);
}
