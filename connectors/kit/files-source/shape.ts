import { SyncError } from '../../../protocol/index.ts';
import type { StreamConfig } from './config.ts';
import { detectShape, type CsvShape } from './csv-dialect.ts';
import { identify, type Identity } from './identify.ts';
import type { DetectedShape } from './progress.ts';
import type { FoundFile, OpenFile } from './store.ts';

/** Files that are looked at until one has rows enough to tell. */
const filesMax = 5;
const headBytes = 64 * 1024;
/** A header and a record. */
const rowsMin = 2;

/** How a stream's CSV files are written: as configured, else as it was found before, else as its first files look. */
export async function shapeOf(
  stream: StreamConfig,
  files: readonly FoundFile[],
  known: DetectedShape | null,
  abort: AbortSignal,
): Promise<CsvShape> {
  const { csv = {} } = stream;
  const told = {
    delimiter: csv.delimiter ?? known?.delimiter,
    header: csv.header ?? known?.header,
    quote: csv.quote ?? '"',
  };
  const { delimiter, header, quote } = told;
  if (delimiter !== undefined && header !== undefined) return { delimiter, header, quote };
  let best: CsvShape | null = null;
  for (const file of files.slice(0, filesMax)) {
    const identity = await identified(file, stream, abort);
    if (identity?.format !== 'csv') continue;
    const text = identity.head.toString('latin1');
    const { shape, rows } = detectShape(text, identity.isWhole, csv);
    if (rows > 0) best ??= shape;
    if (rows >= rowsMin) return shape;
  }
  return best ?? { delimiter: delimiter ?? ',', header: header ?? true, quote };
}

/** null: it cannot be read; who reads it says why. */
async function identified(
  file: FoundFile,
  { format }: StreamConfig,
  abort: AbortSignal,
): Promise<Identity | null> {
  let open: OpenFile | null = null;
  try {
    open = await file.open(abort);
    return await identify(open, format, headBytes);
  } catch (error) {
    if (error instanceof SyncError && error.code !== 'aborted') return null;
    throw error;
  } finally {
    await open?.close();
  }
}
