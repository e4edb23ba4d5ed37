import type {
  CompletedPart,
  ListMultipartUploadsCommand,
  ListMultipartUploadsCommandOutput,
} from '@aws-sdk/client-s3';
import { aborted } from '../../kit/gather.ts';
import type { Bucket as Bucketed } from './bucket.ts';
import { conditionFailed } from './objects.ts';
import type { PendingUpload, Store, Upload } from './store.ts';

const gone = new Set([404]);
/** What begins and gives up uploads is let through when all else is aborted, within this, ms. */
const brieflyMsMax = 10_000;
const briefly = () => ({ abortSignal: AbortSignal.timeout(brieflyMsMax) });

type Uploads = Pick<Store, 'upload' | 'uploads'>;

export function uploadsOf(bucket: Bucketed): Uploads {
  const { sdk, Bucket, sse, checksum, options, ask } = bucket;
  return {
    async upload(Key, marks) {
      const command = new sdk.CreateMultipartUploadCommand({
        ...{ Bucket, Key, Metadata: { ...marks }, ...sse, ...checksum },
      });
      if (options.abortSignal.aborted) throw aborted();
      // Not ended in the middle: of an upload whose number was never heard nobody could give it up.
      const { UploadId } = await ask('s3:PutObject', Key, (s3) => s3.send(command, briefly()));
      return uploadOf(bucket, Key, UploadId!);
    },
    uploads: (prefix) => pendingUploads(bucket, prefix),
  };
}

async function pendingUploads(bucket: Bucketed, Prefix: string): Promise<readonly PendingUpload[]> {
  const { sdk, Bucket, options, ask } = bucket;
  const found: PendingUpload[] = [];
  let after: Pick<ListMultipartUploadsCommandOutput, 'NextKeyMarker' | 'NextUploadIdMarker'> = {};
  for (;;) {
    const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = after;
    const command: ListMultipartUploadsCommand = new sdk.ListMultipartUploadsCommand({
      ...{ Bucket, Prefix, KeyMarker, UploadIdMarker },
    });
    const page = await ask('s3:ListBucketMultipartUploads', Prefix, (s3) =>
      s3.send(command, options),
    );
    for (const { Key, UploadId } of page.Uploads ?? [])
      found.push({ key: Key!, abort: () => givenUp(bucket, Key!, UploadId!) });
    if (page.IsTruncated !== true || page.NextKeyMarker === undefined) return found;
    after = page;
  }
}

function uploadOf(bucket: Bucketed, Key: string, UploadId: string): Upload {
  const { sdk, Bucket, checksum, options, ask, askUnless } = bucket;
  const parts: CompletedPart[] = [];
  return {
    async part(PartNumber, Body) {
      const command = new sdk.UploadPartCommand({
        ...{ Bucket, Key, UploadId, PartNumber, Body, ...checksum },
      });
      const { ETag, ChecksumCRC32 } = await ask('s3:PutObject', Key, (s3) =>
        s3.send(command, options),
      );
      parts.push({ PartNumber, ETag, ...(ChecksumCRC32 !== undefined && { ChecksumCRC32 }) });
    },
    async complete() {
      const Parts = parts.toSorted((a, b) => a.PartNumber! - b.PartNumber!);
      const command = new sdk.CompleteMultipartUploadCommand({
        ...{ Bucket, Key, UploadId, IfNoneMatch: '*', MultipartUpload: { Parts } },
      });
      const completed = await askUnless(conditionFailed, 's3:PutObject', Key, (s3) =>
        s3.send(command, options),
      );
      return completed !== null;
    },
    abort: () => givenUp(bucket, Key, UploadId),
  };
}

async function givenUp(
  { sdk, Bucket, askUnless }: Bucketed,
  Key: string,
  UploadId: string,
): Promise<void> {
  const command = new sdk.AbortMultipartUploadCommand({ Bucket, Key, UploadId });
  await askUnless(gone, 's3:AbortMultipartUpload', Key, (s3) => s3.send(command, briefly()));
}
