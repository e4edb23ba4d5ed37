import {
  streamId,
  type ConfiguredStream,
  type ReadInput,
  type State,
  type StateMessage,
} from '../../../protocol/index.ts';
import { streamState, type StreamItems } from '../read-streams.ts';
import { defaultCheckpointRecords, type ReadFilesConfig } from './config.ts';
import { kindsIn } from './csv-cells.ts';
import { blockOf } from './envelope.ts';
import { aborted, fileError } from './errors.ts';
import { openReading, type CsvColumns, type OpenOptions, type Reading } from './open.ts';
import { Progress, type PendingFile } from './progress.ts';
import { shapeOf } from './shape.ts';
import type { FileStore, FoundFile } from './store.ts';
import { noFiles, type StreamFiles } from './streams.ts';

export interface StreamRead {
  readonly input: ReadInput<ReadFilesConfig>;
  readonly configured: ConfiguredStream;
  readonly store: FileStore;
  readonly stream: StreamFiles;
  /** undefined: from scratch. */
  readonly state: State | undefined;
}

/** Reads what is new in a stream's files. Throws what is wrong with one of them; what was read before that is then covered by a state. */
export async function* readStream(read: StreamRead): StreamItems {
  const { store, stream, input, state } = read;
  const { config, files } = stream;
  const progress = new Progress(state?.stream?.stream_state, config.name);
  if (files.length === 0 && state === undefined) throw noFiles(stream, store);
  const run = new Run(read, progress);
  const missing = progress.missing(files);
  if (missing !== null) {
    progress.forgetCurrent();
    yield run.state();
    throw vanished(missing);
  }
  const { delimiter, header, quote } = await shapeOf(config, files, progress.shape, input.abort);
  // What is configured is not kept: it may be configured otherwise.
  const isDetected = config.csv?.delimiter === undefined || config.csv.header === undefined;
  if (isDetected && files.length > 0 && typeof header === 'boolean')
    progress.shape = { delimiter, header };
  yield* run.files({ delimiter, header, quote });
}

class Run {
  readonly #read: StreamRead;
  readonly #progress: Progress;
  readonly #checkpointRecords: number;
  /** Records since the last state. */
  #records = 0;
  #hasState = false;

  constructor(read: StreamRead, progress: Progress) {
    this.#read = read;
    this.#progress = progress;
    this.#checkpointRecords = read.input.config.checkpoint_records ?? defaultCheckpointRecords;
  }

  async *files(shape: OpenOptions['shape']): StreamItems {
    const { stream, input, configured } = this.#read;
    const options = {
      ...{ stream: stream.config, shape, kinds: kindsIn(configured.stream.json_schema) },
      ...{ memoryLimit: input.config.memory_limit, abort: input.abort },
    };
    const pending = this.#progress.pending(stream.files);
    let before = await this.#columnsBefore(pending[0]?.file, options);
    for (const { file, resume } of pending) {
      if (input.drain.aborted) return yield { type: 'DRAINED' };
      const reading = await openReading(file, resume, { ...options, before });
      before = reading.columns ?? before;
      try {
        yield* this.#file({ file, resume }, reading);
      } finally {
        await reading.close();
      }
      if (input.drain.aborted) return yield { type: 'DRAINED' };
    }
    if (!this.#hasState) yield this.state();
  }

  async *#file({ file }: PendingFile, reading: Reading): StreamItems {
    const { input, configured } = this.#read;
    const id = streamId(configured.stream);
    const { reader, stats } = reading;
    for (;;) {
      const batch = await this.#next(reading);
      if (batch instanceof Error) {
        // What is before the wrong record stays read.
        this.#progress.reach(file, stats, reader.position());
        if (this.#records > 0) yield this.state();
        throw batch;
      }
      if (batch === null) break;
      this.#records += batch.records;
      yield blockOf(id, batch);
      if (input.abort.aborted) throw aborted();
      const isDue = this.#records >= this.#checkpointRecords || input.drain.aborted;
      if (!isDue) continue;
      await reading.prove(false);
      this.#progress.reach(file, stats, reader.position());
      yield this.state();
      if (input.drain.aborted) return;
    }
    await reading.prove(true);
    this.#progress.finish(file, stats, reader.position());
    yield this.state();
  }

  async #next({ reader }: Reading): Promise<Awaited<ReturnType<typeof reader.next>> | Error> {
    try {
      return await reader.next(this.#checkpointRecords - this.#records);
    } catch (error) {
      if (this.#read.input.abort.aborted || !(error instanceof Error)) throw error;
      return error;
    }
  }

  state(): StateMessage {
    const { stream } = this.#read.configured;
    const recordCount = this.#records;
    this.#records = 0;
    this.#hasState = true;
    return streamState(stream, this.#progress.state(), recordCount);
  }

  /** Of the file before the first one that is read, where it is still there. */
  async #columnsBefore(
    first: FoundFile | undefined,
    options: Omit<OpenOptions, 'before'>,
  ): Promise<CsvColumns | null> {
    const { files } = this.#read.stream;
    const file = first === undefined ? undefined : files[files.indexOf(first) - 1];
    if (file === undefined) return null;
    try {
      const reading = await openReading(file, null, { ...options, before: null });
      await reading.close();
      return reading.columns;
    } catch (error) {
      if (options.abort.aborted) throw error;
      return null; // it cannot be read any more: there is nothing to compare with
    }
  }
}

function vanished(file: string): Error {
  return fileError(
    'config_error',
    'A file is gone that was read only in part.',
    { file },
    {
      remedy:
        'The next sync goes on without the rest of it. Put it back to have it read again from its start.',
    },
  );
}
