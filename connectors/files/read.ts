import { type Item, type ReadInput } from '../../protocol/index.ts';
import { readStreams } from '../kit/read-streams.ts';
import type { FilesConfig } from './config.ts';
import { configError } from './errors.ts';
import { readStream } from './read-stream.ts';
import { findStreams } from './streams.ts';

/** Reads the catalog's streams one after the other. */
export function readFiles(input: ReadInput<FilesConfig>): AsyncGenerator<Item, void, undefined> {
  return readStreams(input, async () => {
    const found = await findStreams(input.config, input.abort);
    return async function* (configured, state) {
      const { name } = configured.stream;
      const stream = found.find(({ config }) => config.name === name);
      if (stream === undefined) throw gone(name);
      yield* readStream({ input, configured, stream, state });
    };
  });
}

function gone(name: string): Error {
  return configError(
    'The source has no such stream any more.',
    `stream ${name}`,
    'Put its files back, or take the stream out of the connection.',
    name,
  );
}
