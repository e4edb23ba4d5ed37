import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileError } from './errors.ts';
import type { OpenFile } from './store.ts';

/** At a Parquet file's end: the length of its description, and the format's name. */
const tailBytes = 8;
/** Of a file's description of itself, which is in memory whole. Invariant 7. */
const descriptionBytesMax = 256 * 1024 * 1024;

/** Bytes of a file, from `from` up to `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** A local file that has the size of another and is empty in most places: DuckDB reads of it what was fetched. */
export interface PartialCopy {
  readonly path: string;
  /** Where the description begins: all rows are before it. */
  readonly descriptionAt: number;
  /** Makes it hold the description and these bytes, and nothing else: no more is on the disk at once. */
  hold(span: Span): Promise<void>;
  close(): Promise<void>;
}

/** A copy that holds the file's description. For files that only this process can read. */
export async function openPartialCopy(file: OpenFile): Promise<PartialCopy> {
  const description = await descriptionOf(file);
  const descriptionAt = file.stats.size - description.byteLength;
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-parquet-'));
  const path = join(directory, 'part.parquet');
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const hold = async ({ from, to }: Span): Promise<void> => {
    const copy = await open(path, 'w', 0o600);
    try {
      await copy.truncate(file.stats.size);
      await copy.write(description, 0, description.byteLength, descriptionAt);
      await fill(copy, file, { from, to: Math.min(to, descriptionAt) });
    } finally {
      await copy.close();
    }
  };
  try {
    await hold({ from: 0, to: 0 });
  } catch (error) {
    await remove();
    throw asDiskError(error, file.name);
  }
  return {
    ...{ path, descriptionAt, close: remove },
    hold: (span) =>
      hold(span).catch((error: unknown) => {
        throw asDiskError(error, file.name);
      }),
  };
}

async function fill(copy: FileHandle, file: OpenFile, { from, to }: Span): Promise<void> {
  let at = from;
  for await (const bytes of file.pieces(from, to)) {
    await copy.write(bytes, 0, bytes.byteLength, at);
    at += bytes.byteLength;
  }
}

async function descriptionOf(file: OpenFile): Promise<Buffer> {
  const { size } = file.stats;
  const tail = await file.piece(Math.max(0, size - tailBytes), tailBytes);
  const length = tail.byteLength < tailBytes ? 0 : tail.readUInt32LE(0) + tailBytes;
  if (length <= tailBytes || length > Math.min(size, descriptionBytesMax))
    throw fileError(
      'config_error',
      'A Parquet file is damaged or not supported.',
      { file: file.name },
      { detail: 'at its end, where it describes itself', remedy: 'Write it anew.' },
    );
  return file.piece(size - length, length);
}

function asDiskError(error: unknown, file: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return error;
  return fileError(
    'transient_error',
    'The disk of the worker is full.',
    { file },
    {
      remedy:
        'Make room where temporary files go (TMPDIR): a row group of a Parquet file waits there while it is read.',
      cause: error,
    },
  );
}
