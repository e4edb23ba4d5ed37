import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../../protocol/index.ts';
import { aborted, fileError } from '../../kit/files-source/errors.ts';
import type { Asking } from '../../kit/s3/ask.ts';
import { asS3Error } from '../../kit/s3/errors.ts';
import type { ListedObject } from './listing.ts';

/** Of one request, bytes. A replaced object is noticed after so many at the latest. */
const rangeBytesMax = 64 * 1024 * 1024;
/** Bodies that broke without a byte, one after another. Invariant 7. */
const brokenMax = 5;
const pauseMs = 200;

/** Object gone, or another one: If-Match. */
const conditionFailed = new Set([404, 412]);

/**
 * The bytes of an object from `from` up to `to`, in pieces. Where a body breaks, the rest is asked for from the byte that was reached. Throws
 * when the object is no longer of its version.
 */
export async function* rangeOf(
  asking: Asking,
  object: ListedObject,
  from: number,
  to: number,
): AsyncGenerator<Buffer, void, undefined> {
  let at = from;
  let broken = 0;
  while (at < to) {
    const body = await bodyOf(asking, object, at, Math.min(to, at + rangeBytesMax));
    const start = at;
    try {
      for await (const piece of body) {
        const bytes = piece as Buffer;
        at += bytes.byteLength;
        yield bytes;
      }
    } catch (error) {
      const told = bodyError(error, asking, object.key);
      if (told.kind !== 'transient_error' || told.code === 'aborted') throw told;
      broken = at > start ? 1 : broken + 1;
      if (broken > brokenMax) throw told;
      await sleep(pauseMs * broken, undefined, { signal: asking.options.abortSignal }).catch(
        () => undefined,
      );
      if (asking.options.abortSignal.aborted) throw aborted();
      continue;
    } finally {
      body.destroy();
    }
    // A body that ends early without a word; else it would be asked for again and again.
    broken = at > start ? 0 : broken + 1;
    if (broken > brokenMax) throw bodyError(new Error('no bytes'), asking, object.key);
  }
}

async function bodyOf(
  asking: Asking,
  object: ListedObject,
  from: number,
  to: number,
): Promise<Readable> {
  const { sdk, Bucket, options, askUnless } = asking;
  const { key, name, version } = object;
  const command = new sdk.GetObjectCommand({
    ...{ Bucket, Key: key, Range: `bytes=${from}-${to - 1}` },
    ...(version !== '' && { IfMatch: `"${version}"` }),
  });
  const found = await askUnless(conditionFailed, 's3:GetObject', key, (s3) =>
    s3.send(command, options),
  );
  if (found === null) throw replaced(name);
  const { Body, ContentRange } = found;
  // One that answers with the whole object would have its beginning taken for what was asked for.
  if (ContentRange !== undefined && ContentRange.startsWith(`bytes ${from}-`))
    return Body as Readable;
  (Body as Readable).destroy();
  throw fileError(
    'config_error',
    'The service does not honour ranges, without which no object can be resumed.',
    { file: name },
    { remedy: 'Use AWS S3, or a service that answers GetObject with a Range as S3 does.' },
  );
}

/** Whatever ends a body is the network's, or the service's that was stopped. */
function bodyError(error: unknown, { place, options }: Asking, key: string): SyncError {
  const asked = { action: 's3:GetObject', end: 'source', place: place(key) } as const;
  if (error instanceof SyncError || options.abortSignal.aborted)
    return asS3Error(error, asked, options.abortSignal);
  return new SyncError('transient_error', 'The body of an object broke off again and again.', {
    ...{ origin: 'source', place: asked.place, cause: error },
    facts: { action: asked.action },
    remedy:
      'Check the network between worker and S3, and the state of the service; the next attempt goes on from the last checkpoint.',
  });
}

const replaced = (file: string): SyncError =>
  fileError(
    'transient_error',
    'An object was replaced or removed while it was read.',
    { file },
    {
      remedy:
        'The next attempt lists the objects anew, and reads it from its start. Write what is new under keys of its own.',
    },
  );
