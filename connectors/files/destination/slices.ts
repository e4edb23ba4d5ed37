import { appendFile, rm, stat } from 'node:fs/promises';
import type { RecordFile } from '../../kit/duckdb/stage.ts';
import type { WrittenFormat } from './config.ts';
import { wholeLines } from './records.ts';

/** Records of one Parquet file, as JSON: DuckDB holds them several times while it types and writes them. Bytes. Invariant 7. */
const parquetBytesMax = 64 * 1024 * 1024;

/** A part's records, a file's worth at a time: each is gone when the next is asked for. Text is written row by row, into one file. */
export async function* slicesOf(
  records: RecordFile,
  format: WrittenFormat,
): AsyncGenerator<RecordFile> {
  const { size } = await stat(records.file);
  if (format !== 'parquet' || size <= parquetBytesMax) {
    yield records;
    return;
  }
  // Of about one size, so that no little one is left at the end.
  const sliceBytes = size / Math.ceil(size / parquetBytesMax);
  const slice = { ...records, file: `${records.file}.slice` };
  let bytes = 0;
  try {
    for await (const lines of wholeLines(records.file)) {
      await appendFile(slice.file, lines, { mode: 0o600 });
      bytes += lines.byteLength;
      if (bytes < sliceBytes) continue;
      yield slice;
      await rm(slice.file);
      bytes = 0;
    }
    if (bytes > 0) yield slice;
  } finally {
    await rm(slice.file, { force: true });
  }
}
