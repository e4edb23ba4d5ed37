import type { Catalog, ConnectorSpecification, Source, Stream } from '../../../protocol/index.ts';
import type { ReadFilesConfig } from './config.ts';
import { modifiedField } from './envelope.ts';
import { located } from './errors.ts';
import { openReading, type CsvColumns } from './open.ts';
import { readFiles } from './read.ts';
import type { Reader } from './reader.ts';
import { inferSchema, sampleOf } from './sample.ts';
import { shapeOf } from './shape.ts';
import type { FileStore } from './store.ts';
import { findStreams, noFiles, noStreams, type StreamFiles } from './streams.ts';

/** Records that `check` reads of each file it looks at. */
const checkRecordsMax = 1_000;

export interface FilesSourceOptions<C> {
  readonly spec: ConnectorSpecification;
  /** All that is done with the store ends soon after `abort` aborts. */
  open(this: void, config: C, abort: AbortSignal): Promise<FileStore>;
}

/** A source of files, told apart by streams, wherever they are. */
export function createFilesSource<C extends ReadFilesConfig>({
  spec,
  open,
}: FilesSourceOptions<C>): Source<C> {
  const withStore = async <T>(
    config: C,
    abort: AbortSignal,
    work: (store: FileStore) => Promise<T>,
  ): Promise<T> => {
    const store = await open(config, abort);
    try {
      return await work(store);
    } catch (error) {
      throw located(error, store.root);
    } finally {
      store.close();
    }
  };
  return {
    spec,
    check: (config, signal) =>
      withStore(config, signal, async (store) => {
        const streams = await findStreams(config, store);
        if (streams.length === 0) throw noStreams(store);
        for (const stream of streams) await checkStream(config, store, stream, signal);
      }),
    discover: (config, signal) =>
      withStore(config, signal, (store) => discover(config, store, signal)),
    read: (input) => readFiles(input, () => open(input.config, input.abort)),
  };
}

/** Reads the beginnings of some files, as `read` would. */
async function checkStream(
  config: ReadFilesConfig,
  store: FileStore,
  stream: StreamFiles,
  abort: AbortSignal,
): Promise<void> {
  if (stream.files.length === 0) throw noFiles(stream, store);
  const shape = await shapeOf(stream.config, stream.files, null, abort);
  const options = {
    ...{ stream: stream.config, shape, kinds: new Map(), abort },
    memoryLimit: config.memory_limit,
  };
  let before: CsvColumns | null = null;
  for (const file of sampleOf(stream.files)) {
    const reading = await openReading(file, null, { ...options, before });
    try {
      await readSome(reading.reader);
      before = reading.columns ?? before;
    } finally {
      await reading.close();
    }
  }
}

async function readSome(reader: Reader): Promise<void> {
  for (let left = checkRecordsMax; left > 0;) {
    const batch = await reader.next(left);
    if (batch === null) return;
    left -= batch.records;
  }
}

async function discover(
  config: ReadFilesConfig,
  store: FileStore,
  signal: AbortSignal,
): Promise<Catalog> {
  const streams: Stream[] = [];
  for (const { config: stream, files } of await findStreams(config, store)) {
    const shape = await shapeOf(stream, files, null, signal);
    const key = stream.primary_key?.map((column) => [column]);
    streams.push({
      name: stream.name,
      json_schema: await inferSchema(files, { config, stream, shape, abort: signal }),
      supported_sync_modes: ['full_refresh', 'incremental'],
      source_defined_cursor: true,
      default_cursor_field: [modifiedField],
      ...(key !== undefined && { source_defined_primary_key: key }),
      is_resumable: true,
    });
  }
  return { streams };
}
