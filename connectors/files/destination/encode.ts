import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { StreamId } from '../../../protocol/index.ts';
import type { Settings } from './config.ts';
import { csvRows } from './csv-rows.ts';
import { jsonlRows } from './jsonl-rows.ts';
import { syncFile } from './place.ts';
import { recordsOf } from './records.ts';
import type { Rows } from './rows.ts';
import { createStamper } from './stamp.ts';
import type { Target } from './targets.ts';

export interface Encoding {
  readonly target: Target;
  readonly settings: Settings;
  /** What the stream has so far. */
  readonly columns: readonly string[];
  readonly abort: AbortSignal;
}

/** What was written, as it was counted on the way out. */
export interface Encoded {
  readonly rows: number;
  readonly nulled: number;
  readonly bytes: number;
  readonly columns: readonly string[] | null;
}

/** Staged records into a file as readers will find it, durably. */
export async function encodePart(from: string, to: string, encoding: Encoding): Promise<Encoded> {
  const { settings, target } = encoding;
  let columns = encoding.columns;
  // At most twice: the second time the header has all that the records hold.
  for (;;) {
    const rows = settings.format === 'csv' ? csvRows(target.stream, columns) : jsonlRows();
    const counts = await write(from, to, rows, encoding);
    if (rows.missing.length === 0) {
      await syncFile(to);
      return { ...counts, bytes: (await stat(to)).size, columns: rows.columns };
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
  if (settings.gzip) await pipeline(texts, createGzip(), file, { signal: abort });
  else await pipeline(texts, file, { signal: abort });
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
