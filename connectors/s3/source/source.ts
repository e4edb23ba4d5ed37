import { createFilesSource } from '../../kit/files-source/source.ts';
import { compareFiles, type FileStore } from '../../kit/files-source/store.ts';
import { openAsking } from '../../kit/s3/ask.ts';
import { keyPrefix, placeOf } from '../../kit/s3/config.ts';
import { s3SourceSpec, type S3SourceConfig } from './config.ts';
import { listObjects, type ListedObject } from './listing.ts';
import { openObject } from './open-object.ts';

/** Objects of S3, read as the files that they are. See docs/connectors.md. */
export const s3Source = createFilesSource<S3SourceConfig>({ spec: s3SourceSpec, open });

async function open(config: S3SourceConfig, abort: AbortSignal): Promise<FileStore> {
  // Ranges of an object have no checksum of their own to be compared with.
  const asking = await openAsking(config, { end: 'source', checksums: 'none', abort });
  const prefix = keyPrefix(config);
  const listed = new Map<string, ListedObject>();
  return {
    ...{ place: placeOf(config), root: `s3://${config.bucket}/${prefix}` },
    async names(globs) {
      for (const object of await listObjects(asking, prefix, globs))
        listed.set(object.name, object);
      return [...listed.keys()];
    },
    files: (names) =>
      Promise.resolve(
        names
          .flatMap((name) => listed.get(name) ?? [])
          .toSorted(compareFiles)
          .map((object) => ({ ...object, open: () => openObject(asking, object) })),
      ),
    remedies: {
      noMatch:
        'Correct the glob; it is relative to prefix, * stays between slashes and ** does not.',
      empty:
        'Put objects there whose keys end in .csv, .tsv, .jsonl, .ndjson, .json or .parquet (also .gz and .zst), or configure streams with globs of other keys.',
    },
    close: asking.close,
  };
}
