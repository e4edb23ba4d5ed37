import { appendFile, rm, stat } from 'node:fs/promises';
import type { RecordFile } from '../duckdb/stage.ts';
import { wholeLines } from './records.ts';

/** A part's records, a file's worth at a time: each is gone when the next is asked for. Invariant 7. */
export async function* slicesOf(
  records: RecordFile,
  recordBytesMax: number,
): AsyncGenerator<RecordFile> {
  const { size } = await stat(records.file);
  if (size <= recordBytesMax) {
    yield records;
    return;
  }
  // Of about one size, so that no little one is left at the end.
  const sliceBytes = size / Math.ceil(size / recordBytesMax);
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
