import { DuckDBInstance, type DuckDBConnection, type DuckDBResult } from '@duckdb/node-api';
import { readLiteral } from '../duckdb/paths.ts';
import { defaultMemoryLimit } from '../files/formats.ts';
import { aborted, fileError } from './errors.ts';
import { openPartialCopy, type PartialCopy, type Span } from './parquet-copy.ts';
import type { OpenFile } from './store.ts';

/** Rows come one chunk (2,048) at a time; more threads would decode more row groups at once. */
const threads = 1;

export interface ParquetOptions {
  readonly file: OpenFile;
  readonly memoryLimit: string | undefined;
  readonly abort: AbortSignal;
}

/** A row group: its rows, and where they lie. */
export interface RowGroup extends Span {
  readonly rows: number;
}

/** A DuckDB that holds nothing and reads one Parquet file. */
export class Parquet {
  readonly #options: ParquetOptions;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #stop: () => void;
  /** Of a file that DuckDB cannot open itself. */
  readonly copy: PartialCopy | null;

  private constructor(
    options: ParquetOptions,
    copy: PartialCopy | null,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
  ) {
    this.#options = options;
    this.copy = copy;
    this.#instance = instance;
    this.#connection = connection;
    this.#stop = () => connection.interrupt();
    options.abort.addEventListener('abort', this.#stop, { once: true });
  }

  static async open(options: ParquetOptions): Promise<Parquet> {
    const copy = options.file.path === null ? await openPartialCopy(options.file) : null;
    try {
      const instance = await DuckDBInstance.create(':memory:', {
        memory_limit: options.memoryLimit ?? defaultMemoryLimit,
        threads: String(threads),
      });
      const parquet = new Parquet(options, copy, instance, await instance.connect());
      await parquet.stream(`SET autoinstall_known_extensions = false`);
      // A copy holds now this, now that.
      await parquet.stream(`SET enable_external_file_cache = false`);
      return parquet;
    } catch (error) {
      await copy?.close();
      throw error;
    }
  }

  /** SQL; a bracket stays open for more options. */
  get table(): string {
    // A record has what its file has, not what its directories are called.
    return `read_parquet(${this.#path}, hive_partitioning = false`;
  }

  get #path(): string {
    return readLiteral(this.#options.file.path ?? this.copy!.path);
  }

  /** In the order of their rows. Each reaches up to the next one: some writers tell their size too small. */
  async groups(): Promise<readonly RowGroup[]> {
    const chunkAt =
      'least(data_page_offset, coalesce(nullif(dictionary_page_offset, 0), data_page_offset))';
    const found = await this.guarded(async () => {
      const result = await this.#connection.runAndReadAll(
        `SELECT any_value(row_group_num_rows)::DOUBLE, min(${chunkAt})::DOUBLE, max(${chunkAt} + total_compressed_size)::DOUBLE
         FROM parquet_metadata(${this.#path}) GROUP BY row_group_id ORDER BY row_group_id`,
      );
      return result.getRows() as [number, number, number][];
    });
    const starts = found.map(([, from]) => from);
    return found.map(([rows, from, end]) => {
      const next = Math.min(...starts.filter((start) => start > from), this.copy!.descriptionAt);
      return { rows, from, to: Math.max(end, next) };
    });
  }

  async stream(sql: string): Promise<DuckDBResult> {
    return this.guarded(() => this.#connection.stream(sql));
  }

  async guarded<T>(work: () => Promise<T>): Promise<T> {
    const { abort, file } = this.#options;
    if (abort.aborted) throw aborted();
    try {
      return await work();
    } catch (error) {
      throw abort.aborted ? aborted() : asParquetError(error, file.name);
    }
  }

  async close(): Promise<void> {
    this.#options.abort.removeEventListener('abort', this.#stop);
    this.#connection.closeSync();
    this.#instance.closeSync();
    await this.copy?.close();
  }
}

function asParquetError(error: unknown, file: string): unknown {
  const message = error instanceof Error ? error.message : '';
  if (/Out of Memory|failed to allocate/i.test(message))
    return fileError(
      'config_error',
      'DuckDB ran out of its memory limit.',
      { file },
      {
        remedy: 'Raise memory_limit in the config, or write the file with smaller row groups.',
        cause: error,
      },
    );
  if (/Permission denied|No such file|Could not open/i.test(message))
    return fileError(
      'transient_error',
      'A Parquet file could not be opened.',
      { file },
      { remedy: 'See whether it is still there and may be read.', cause: error },
    );
  return fileError(
    'config_error',
    'A Parquet file is damaged or not supported.',
    { file },
    {
      remedy:
        'If it is still being written, write it under a name that no glob matches and rename it when it is whole; else write it anew.',
      cause: error,
    },
  );
}
