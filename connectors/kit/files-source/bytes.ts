import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { fileError } from './errors.ts';
import type { OpenFile } from './store.ts';
import { ZstdDecoder, zstdEndedEarly, zstdWindow, zstdWindowBytesMax } from './zstd.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** What is read from a file at once, bytes. */
export const readBytes = 256 * 1024;

/** A file's uncompressed bytes, in pieces. `from`: where to begin; only without compression. */
export async function* chunksOf(
  file: OpenFile,
  compression: Compression,
  from = 0,
): AsyncGenerator<Buffer, void, undefined> {
  switch (compression) {
    case 'none':
      yield* file.pieces(from);
      return;
    case 'gzip':
      yield* gunzipped(file);
      return;
    case 'zstd':
      yield* unzstd(file);
  }
}

async function* gunzipped(file: OpenFile): AsyncGenerator<Buffer, void, undefined> {
  const gunzip = createGunzip({ chunkSize: readBytes });
  const fed = pipeline(file.pieces(0), gunzip);
  // Told below, where the pieces are taken.
  fed.catch(() => undefined);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await fed;
  } catch (error) {
    throw undecodable(file, error, (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR');
  } finally {
    gunzip.destroy();
  }
}

async function* unzstd(file: OpenFile): AsyncGenerator<Buffer, void, undefined> {
  const decoder = new ZstdDecoder();
  let at = 0;
  for await (const bytes of file.pieces(0)) {
    if (at === 0) refuseWindow(file, zstdWindow(bytes));
    at += bytes.byteLength;
    const isLast = at >= file.stats.size;
    try {
      yield* decoder.decode(bytes, isLast);
    } catch (error) {
      throw undecodable(file, error, (error as { code?: unknown }).code === zstdEndedEarly);
    }
  }
}

function refuseWindow(file: OpenFile, bytes: number | null): void {
  if (bytes === null || bytes <= zstdWindowBytesMax) return;
  throw fileError(
    'config_error',
    'A zstd file needs too much memory.',
    { file: file.name },
    {
      detail: `a window of ${bytes} bytes, at most ${zstdWindowBytesMax}`,
      remedy: 'Compress it without --long and --ultra.',
    },
  );
}

function undecodable(file: OpenFile, error: unknown, isCut: boolean): unknown {
  const code = (error as { code?: unknown }).code;
  const isDecoders =
    typeof code === 'number' || (typeof code === 'string' && code.startsWith('Z_'));
  if (!isDecoders && !(error instanceof RangeError)) return error;
  if (isCut)
    return fileError(
      'transient_error',
      'A compressed file ends before its end.',
      { file: file.name },
      {
        remedy:
          'If it is still being written, write it under a name that no glob matches (with a dot before it) and rename it when it is whole; else copy it anew.',
        cause: error,
      },
    );
  return fileError(
    'config_error',
    'A compressed file is damaged.',
    { file: file.name },
    { remedy: 'Copy it anew from where it came from.', cause: error },
  );
}
