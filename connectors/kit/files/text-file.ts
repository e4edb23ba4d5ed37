import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { StreamId } from '../../../protocol/index.ts';
import type { RecordFile } from '../duckdb/stage.ts';
import { csvRows } from './csv-rows.ts';
import type { Contents, Encoding } from './encode.ts';
import { jsonlRows } from './jsonl-rows.ts';
import { recordsOf } from './records.ts';
import type { Rows } from './rows.ts';
import { createStamper } from './stamp.ts';
import { zstdFrames } from './zstd-frames.ts';

/** JSONL and CSV: rows are written one by one. */
export async function writeTextFile(
  { file: from }: RecordFile,
  to: string,
  encoding: Encoding,
): Promise<Contents> {
  const { settings, target, shape } = encoding;
  let { columns } = shape;
  // At most twice: the second time the header has all that the records hold.
  for (;;) {
    const rows = settings.format === 'csv' ? csvRows(target.stream, columns) : jsonlRows();
    const counts = await write(from, to, rows, encoding);
    if (rows.missing.length === 0) {
      const header = rows.columns;
      return { ...counts, header, shape: header === null ? shape : { columns: header } };
    }
    columns = [...columns, ...rows.missing];
  }
}

interface Counts {
  rows: number;
  nulled: number;
}

async function write(
  from: string,
  to: string,
  rows: Rows,
  { settings, target, abort }: Encoding,
): Promise<Counts> {
  const counts: Counts = { rows: 0, nulled: 0 };
  const texts = rowTexts(
    from,
    { rows, stream: target.stream, stamps: createStamper(target) },
    counts,
  );
  const file = createWriteStream(to);
  const signal = abort;
  if (settings.compression === 'gzip') await pipeline(texts, createGzip(), file, { signal });
  else if (settings.compression === 'zstd') await pipeline(zstdFrames(texts), file, { signal });
  else await pipeline(texts, file, { signal });
  return counts;
}

async function* rowTexts(
  from: string,
  {
    rows,
    stream,
    stamps,
  }: {
    readonly rows: Rows;
    readonly stream: StreamId;
    readonly stamps: ReturnType<typeof createStamper>;
  },
  counts: Counts,
): AsyncGenerator<Buffer> {
  yield Buffer.from(rows.head, 'latin1');
  for await (const records of recordsOf(from, stream)) {
    let text = '';
    for (const record of records) {
      text += rows.row(record, stamps(record));
      counts.rows += 1;
      counts.nulled += record.nulled.length;
    }
    yield Buffer.from(text, 'latin1');
  }
}
