import type { Catalog, Source, Stream } from '../../protocol/index.ts';
import { filesSpec, type FilesConfig } from './config.ts';
import { modifiedField } from './envelope.ts';
import { openReading, type CsvColumns } from './open.ts';
import { readFiles } from './read.ts';
import type { Reader } from './reader.ts';
import { inferSchema, sampleOf } from './sample.ts';
import { shapeOf } from './shape.ts';
import { findStreams, noFiles, noStreams, type StreamFiles } from './streams.ts';

/** Records that `check` reads of each file it looks at. */
const checkRecordsMax = 1_000;

/** Local files, told apart by streams. See docs/connectors.md. */
export const filesSource: Source<FilesConfig> = {
  spec: filesSpec,
  async check(config, signal) {
    const streams = await findStreams(config, signal);
    if (streams.length === 0) throw noStreams(config.path);
    for (const stream of streams) await checkStream(config, stream, signal);
  },
  discover,
  read: readFiles,
};

/** Reads the beginnings of some files, as `read` would. */
async function checkStream(
  config: FilesConfig,
  stream: StreamFiles,
  abort: AbortSignal,
): Promise<void> {
  if (stream.files.length === 0) throw noFiles(stream, config.path);
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

async function discover(config: FilesConfig, signal: AbortSignal): Promise<Catalog> {
  const streams: Stream[] = [];
  for (const { config: stream, files } of await findStreams(config, signal)) {
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
