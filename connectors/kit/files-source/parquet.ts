import { createHash } from 'node:crypto';
import { DuckDBTypeId, type DuckDBDataChunk, type DuckDBResult } from '@duckdb/node-api';
import { quoteIdentifier } from '../identifiers.ts';
import { blockBytesMax, type Batch, type Envelope } from './envelope.ts';
import type { Kind } from './kinds.ts';
import { Parquet, type ParquetOptions } from './parquet-database.ts';
import { kindOfType, writerOf } from './parquet-json.ts';
import type { Position, Reader } from './reader.ts';
import type { OpenFile } from './store.ts';

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

export async function parquetColumns(options: ParquetOptions): Promise<readonly ParquetColumn[]> {
  const parquet = await Parquet.open(options);
  try {
    const result = await parquet.stream(`SELECT * FROM ${parquet.table}) LIMIT 0`);
    return columnsOf(result);
  } finally {
    await parquet.close();
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
    const slices = slicesOf(parquet, plain, from);
    return new ParquetReader(parquet, { columns: plain, slices }, { envelope, hash, at: from });
  } catch (error) {
    await parquet.close();
    throw error;
  }
}

/** The rows from `from` on: of a file that DuckDB can open all at once, of any other row group by row group. */
async function* slicesOf(
  parquet: Parquet,
  columns: DuckDBResult,
  from: number,
): AsyncGenerator<DuckDBResult, void, undefined> {
  const { table, copy } = parquet;
  // By its number a row is found without decoding those before it; a file may have a column of that name.
  const isTaken = columns.columnNames().some((name) => name.toLowerCase() === rowNumber);
  const marked = withMarks(columnsOf(columns));
  const numbered = `SELECT * EXCLUDE (${rowNumber}) ${marked} FROM ${table}, ${rowNumber} = true) WHERE ${rowNumber} >=`;
  if (isTaken) {
    await copy?.hold({ from: 0, to: copy.descriptionAt });
    yield await parquet.stream(`SELECT * ${marked} FROM ${table}) OFFSET ${from}`);
    return;
  }
  if (copy === null) return yield await parquet.stream(`${numbered} ${from}`);
  let first = 0;
  for (const { rows, ...span } of await parquet.groups()) {
    const end = first + rows;
    if (end > from) {
      await copy.hold(span);
      yield await parquet.stream(`${numbered} ${Math.max(first, from)} AND ${rowNumber} < ${end}`);
    }
    first = end;
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
  readonly #slices: AsyncGenerator<DuckDBResult, void, undefined>;
  readonly #envelope: Envelope;
  readonly #hash: string;
  readonly #members: readonly {
    readonly key: string;
    readonly write: ReturnType<typeof writerOf>;
  }[];
  #at: number;
  #slice: DuckDBResult | null = null;
  #chunk: Chunk | null = null;
  #row = 0;

  constructor(
    parquet: Parquet,
    {
      columns,
      slices,
    }: {
      readonly columns: DuckDBResult;
      readonly slices: AsyncGenerator<DuckDBResult, void, undefined>;
    },
    { envelope, hash, at }: { envelope: Envelope; hash: string; at: number },
  ) {
    this.#parquet = parquet;
    this.#slices = slices;
    this.#envelope = envelope;
    this.#hash = hash;
    this.#at = at;
    const types = columns.columnTypes();
    this.#members = columns
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
      const slice = (this.#slice ??= (await this.#slices.next()).value ?? null);
      if (slice === null) return null;
      const data = await this.#parquet.guarded(() => slice.fetchChunk());
      if (data === null || data.rowCount === 0) {
        this.#slice = null;
        continue;
      }
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
    return this.#parquet.close();
  }
}
