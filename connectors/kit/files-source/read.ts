import type { Item, ReadInput } from '../../../protocol/index.ts';
import { readStreams } from '../read-streams.ts';
import type { ReadFilesConfig } from './config.ts';
import { configError, located } from './errors.ts';
import { readStream } from './read-stream.ts';
import type { FileStore } from './store.ts';
import { findStreams } from './streams.ts';

/** Reads the catalog's streams one after the other. `open`: the store, which is closed at the end. */
export async function* readFiles(
  input: ReadInput<ReadFilesConfig>,
  open: () => Promise<FileStore>,
): AsyncGenerator<Item, void, undefined> {
  let store: FileStore | null = null;
  try {
    yield* readStreams(input, async () => {
      const opened = (store = await open());
      const found = await findStreams(input.config, opened);
      return async function* (configured, state) {
        const { name } = configured.stream;
        const stream = found.find(({ config }) => config.name === name);
        if (stream === undefined) throw gone(name);
        try {
          yield* readStream({ input, configured, store: opened, stream, state });
        } catch (error) {
          throw located(error, opened.root);
        }
      };
    });
  } finally {
    (store as FileStore | null)?.close();
  }
}

function gone(name: string): Error {
  return configError(
    'The source has no such stream any more.',
    `stream ${name}`,
    'Put its files back, or take the stream out of the connection.',
    name,
  );
}
