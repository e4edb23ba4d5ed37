import { stat } from 'node:fs/promises';
import type { RecordFile } from '../duckdb/stage.ts';
import type { FormatSettings } from './formats.ts';
import type { Shape } from './manifest.ts';
import { writeParquetFile } from './parquet-file.ts';
import type { Target } from './targets.ts';
import { writeTextFile } from './text-file.ts';

export interface Encoding {
  readonly target: Target;
  readonly settings: FormatSettings;
  /** What the stream's files have so far. */
  readonly shape: Shape;
  readonly abort: AbortSignal;
}

/** A file's contents, as they were counted on the way out. */
export interface Contents {
  readonly rows: number;
  readonly nulled: number;
  /** CSV; null: the file tells its columns otherwise. */
  readonly header: readonly string[] | null;
  /** What the stream's files have with this one. */
  readonly shape: Shape;
}

export type Encoded = Contents & { readonly bytes: number };

/** Staged records into a file as readers will find it. */
export async function encodePart(
  records: RecordFile,
  to: string,
  encoding: Encoding,
): Promise<Encoded> {
  const { format } = encoding.settings;
  const write = format === 'parquet' ? writeParquetFile : writeTextFile;
  const contents = await write(records, to, encoding);
  return { ...contents, bytes: (await stat(to)).size };
}
