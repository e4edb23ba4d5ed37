import { createHash } from 'node:crypto';
import {
  DuckDBInstance,
  DuckDBTypeId,
  type DuckDBConnection,
  type DuckDBDataChunk,
  type DuckDBResult,
} from '@duckdb/node-api';
import { readLiteral } from '../kit/duckdb/paths.ts';
import { defaultMemoryLimit } from '../kit/files/formats.ts';
import { quoteIdentifier } from '../kit/identifiers.ts';
import type { OpenFile } from './bytes.ts';
import { blockBytesMax, type Batch, type Envelope } from './envelope.ts';
import { aborted, fileError } from './errors.ts';
import type { Kind } from './kinds.ts';
import { kindOfType, writerOf } from './parquet-json.ts';
import type { Position, Reader } from './reader.ts';

/** Rows come one chunk (2,048) at a time; more threads would decode more row groups at once. */
const threads = 1;
/** A Parquet file describes itself at its end: where its columns lie, how many rows there are, what their bounds are. Bytes hashed of it. */
const footerBytes = 64 * 1024;
/** DuckDB's name for the number of a row, from 0. */
const rowNumber = 'file_row_number';

export interface ParquetColumn {
  readonly name: string;
  readonly kind: Kind;
  /** A VARCHAR: other types are strings in JSON too. */
  readonly isText: boolean;
}

export interface ParquetOptions {
  readonly file: OpenFile;
  readonly memoryLimit: string | undefined;
  readonly abort: AbortSignal;
}

/** A DuckDB that holds nothing and reads one Parquet file. */
class Parquet {
  readonly #options: ParquetOptions;
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #stop: () => void;

  private constructor(
    options: ParquetOptions,
    instance: DuckDBInstance,
    connection: DuckDBConnection,
  ) {
    this.#options = options;
    this.#instance = instance;
    this.#connection = connection;
    this.#stop = () => connection.interrupt();
    options.abort.addEventListener('abort', this.#stop, { once: true });
  }

  static async open(options: ParquetOptions): Promise<Parquet> {
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: options.memoryLimit ?? defaultMemoryLimit,
      threads: String(threads),
    });
    const parquet = new Parquet(options, instance, await instance.connect());
    await parquet.stream(`SET autoinstall_known_extensions = false`);
    return parquet;
  }

  /** SQL; a bracket stays open for more options. */
  get table(): string {
    // A record has what its file has, not what its directories are called.
    return `read_parquet(${readLiteral(this.#options.file.path)}, hive_partitioning = false`;
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

  close(): void {
    this.#options.abort.removeEventListener('abort', this.#stop);
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

export async function parquetColumns(options: ParquetOptions): Promise<readonly ParquetColumn[]> {
  const parquet = await Parquet.open(options);
  try {
    const result = await parquet.stream(`SELECT * FROM ${parquet.table}) LIMIT 0`);
    return columnsOf(result);
  } finally {
    parquet.close();
  }
}

const columnsOf = (result: DuckDBResult): ParquetColumn[] =>
  result.columnNames().map((name, i) => {
    const type = result.columnTypes()[i]!;
    return { name, kind: kindOfType(type), isText: type.typeId === DuckDBTypeId.VARCHAR };
  });

/** A hash of the file's description of itself, with its size. */
export async function parquetHash(file: OpenFile): Promise<string> {
  const { size } = file.stats;
  const footer = await file.piece(Math.max(0, size - footerBytes), footerBytes);
  return createHash('sha256').update(`${size}:`).update(footer).digest('base64url').slice(0, 16);
}

/** A Parquet file's records from row `from` on. */
export async function openParquet(
  options: ParquetOptions,
  envelope: Envelope,
  from: number,
): Promise<Reader> {
  const hash = await parquetHash(options.file);
  const parquet = await Parquet.open(options);
  try {
    const plain = await parquet.stream(`SELECT * FROM ${parquet.table}) LIMIT 0`);
    // By its number a row is found without decoding those before it; a file may have a column of that name.
    const isTaken = plain.columnNames().some((name) => name.toLowerCase() === rowNumber);
    const marked = withMarks(columnsOf(plain));
    const rows = isTaken
      ? `SELECT * ${marked} FROM ${parquet.table}) OFFSET ${from}`
      : `SELECT * EXCLUDE (${rowNumber}) ${marked} FROM ${parquet.table}, ${rowNumber} = true) WHERE ${rowNumber} >= ${from}`;
    return new ParquetReader(parquet, await parquet.stream(rows), { envelope, hash, at: from });
  } catch (error) {
    parquet.close();
    throw error;
  }
}

/** The driver drops a byte order mark at the beginning of a text: of two it leaves one. (Texts within lists and structs still lose theirs.) */
function withMarks(columns: readonly ParquetColumn[]): string {
  const texts = columns.filter(({ isText }) => isText).map(({ name }) => quoteIdentifier(name));
  if (texts.length === 0) return '';
  const mark = 'chr(65279)';
  return `REPLACE (${texts
    .map(
      (text) =>
        `CASE WHEN starts_with(${text}, ${mark}) THEN ${mark} || ${text} ELSE ${text} END AS ${text}`,
    )
    .join(', ')})`;
}

interface Chunk {
  readonly rows: number;
  /** Owns the memory that the vectors read: without it, it is freed under them. */
  readonly data: DuckDBDataChunk;
  readonly vectors: readonly ReturnType<DuckDBDataChunk['getColumnVector']>[];
}

class ParquetReader implements Reader {
  readonly #parquet: Parquet;
  readonly #result: DuckDBResult;
  readonly #envelope: Envelope;
  readonly #hash: string;
  readonly #members: readonly {
    readonly key: string;
    readonly write: ReturnType<typeof writerOf>;
  }[];
  #at: number;
  #chunk: Chunk | null = null;
  #row = 0;

  constructor(
    parquet: Parquet,
    result: DuckDBResult,
    { envelope, hash, at }: { envelope: Envelope; hash: string; at: number },
  ) {
    this.#parquet = parquet;
    this.#result = result;
    this.#envelope = envelope;
    this.#hash = hash;
    this.#at = at;
    const types = result.columnTypes();
    this.#members = result
      .columnNames()
      .map((name, i) => ({ key: `${JSON.stringify(name)}:`, write: writerOf(types[i]!) }));
  }

  async next(recordsMax: number): Promise<Batch | null> {
    const tail = this.#envelope.tail(Date.now());
    const head = Buffer.from(this.#envelope.head, 'latin1').toString();
    const own = Buffer.from(this.#envelope.columns, 'latin1').toString();
    const out: string[] = [];
    let [records, size] = [0, 0];
    while (records < recordsMax && size < blockBytesMax) {
      const chunk = await this.#current();
      if (chunk === null) break;
      while (this.#row < chunk.rows && records < recordsMax && size < blockBytesMax) {
        out.push(head);
        size += head.length + own.length + tail.length + this.#write(out, chunk);
        out.push(own, tail);
        records += 1;
        this.#row += 1;
      }
    }
    this.#at += records;
    return records === 0 ? null : { bytes: Buffer.from(out.join('')), records };
  }

  /** Adds the members of the row, in pieces; answers their length. */
  #write(out: string[], { vectors }: Chunk): number {
    let size = 0;
    for (let i = 0; i < this.#members.length; i += 1) {
      const { key, write } = this.#members[i]!;
      const value = write(vectors[i]!.getItem(this.#row));
      size += key.length + value.length;
      out.push(key, value, ',');
    }
    return size;
  }

  /** The chunk with the next row; null: there is none. */
  async #current(): Promise<Chunk | null> {
    while (this.#chunk === null || this.#row >= this.#chunk.rows) {
      const data = await this.#parquet.guarded(() => this.#result.fetchChunk());
      if (data === null || data.rowCount === 0) return null;
      const vectors = this.#members.map((_, i) => data.getColumnVector(i));
      this.#chunk = { rows: data.rowCount, data, vectors };
      this.#row = 0;
    }
    return this.#chunk;
  }

  position(): Position {
    return { at: this.#at, lines: 0, chain: '', hash: this.#hash };
  }

  close(): Promise<void> {
    this.#parquet.close();
    return Promise.resolve();
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
