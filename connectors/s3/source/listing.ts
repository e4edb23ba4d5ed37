import type { _Object } from '@aws-sdk/client-s3';
import { ownDirectory } from '../../kit/files/template.ts';
import { aborted, configError } from '../../kit/files-source/errors.ts';
import { fixedPart } from '../../kit/files-source/globs.ts';
import type { NamedStats } from '../../kit/files-source/store.ts';
import type { Asking } from '../../kit/s3/ask.ts';

/** Objects of one listing, all of which are in memory by name. Invariant 7. */
const objectsMax = 1_000_000;

/** An object that was listed; its version is its ETag. */
export interface ListedObject extends NamedStats {
  readonly key: string;
  readonly version: string;
}

/** Beginnings of which none begins with another: what is below them is listed once. */
export function listedBelow(globs: readonly string[] | null): readonly string[] {
  const parts = [...new Set(globs === null ? [''] : globs.map(fixedPart))];
  return parts.filter((part) => !parts.some((one) => one !== part && part.startsWith(one)));
}

/** The objects below a prefix whose names may match one of the globs, page by page. `pageKeys`: keys of a page; absent: as the service likes. */
export async function listObjects(
  asking: Asking,
  prefix: string,
  globs: readonly string[] | null,
  pageKeys?: number,
): Promise<readonly ListedObject[]> {
  const found: ListedObject[] = [];
  for (const part of listedBelow(globs))
    for await (const { Key, Size, LastModified, ETag } of pagesOf(
      asking,
      prefix + part,
      pageKeys,
    )) {
      const key = Key!;
      const name = key.slice(prefix.length);
      if (!isReadable(name)) continue;
      if (found.length >= objectsMax) throw tooMany(asking.place(prefix));
      found.push({
        ...{ key, name, size: Size ?? 0, version: (ETag ?? '').replaceAll('"', '') },
        modified: BigInt(LastModified?.getTime() ?? 0) * 1_000_000n,
      });
    }
  return found;
}

async function* pagesOf(
  { sdk, Bucket, options, ask }: Asking,
  Prefix: string,
  MaxKeys: number | undefined,
): AsyncGenerator<_Object, void, undefined> {
  let token: string | undefined;
  do {
    if (options.abortSignal.aborted) throw aborted();
    const command = new sdk.ListObjectsV2Command({
      ...{ Bucket, Prefix, MaxKeys },
      ...(token !== undefined && { ContinuationToken: token }),
    });
    const page = await ask('s3:ListBucket', Prefix, (s3) => s3.send(command, options));
    yield* page.Contents ?? [];
    token = page.NextContinuationToken;
  } while (token !== undefined);
}

/** What is called as a directory is a mark of consoles; below a directory of ours objects wait that may never count. */
const isReadable = (name: string): boolean =>
  name !== '' && !name.endsWith('/') && !name.split('/').slice(0, -1).includes(ownDirectory);

const tooMany = (place: string): Error =>
  configError(
    'There are too many objects.',
    `${place}: more than ${objectsMax}`,
    'Choose a longer prefix, or globs that begin with more than a pattern.',
  );
