import { createFilesSource } from '../../kit/files-source/source.ts';
import { filesSpec, type FilesConfig } from './config.ts';
import { filesOf, namesBelow } from './listing.ts';

/** Local files. See docs/connectors.md. */
export const filesSource = createFilesSource<FilesConfig>({
  spec: filesSpec,
  open: ({ path }, abort) =>
    Promise.resolve({
      ...{ place: path, root: '' },
      names: () => namesBelow(path, abort),
      files: (names) => filesOf(path, names, abort),
      remedies: {
        noMatch:
          'Correct the glob; it is relative to path, * stays within a directory and ** does not, and directories that are symbolic links are not entered.',
        empty:
          'Put files named .csv, .tsv, .jsonl, .ndjson, .json or .parquet there (also .gz and .zst), or configure streams with globs of other names.',
      },
      close: () => undefined,
    }),
});
