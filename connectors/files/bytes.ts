import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { aborted, asFileError, fileError } from './errors.ts';
import type { FoundFile } from './listing.ts';
import { ZstdDecoder, zstdEndedEarly, zstdWindow, zstdWindowBytesMax } from './zstd.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** What is read from a file at once, bytes. */
const readBytes = 256 * 1024;
export interface Stats {
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
}

/** An open file. What it holds now is what is read: later appended bytes wait for the next time. */
export class OpenFile {
  readonly name: string;
  readonly path: string;
  readonly stats: Stats;
  readonly #handle: FileHandle;
  readonly #abort: AbortSignal;

  private constructor(file: FoundFile, handle: FileHandle, stats: Stats, abort: AbortSignal) {
    this.name = file.name;
    this.path = file.path;
    this.stats = stats;
    this.#handle = handle;
    this.#abort = abort;
  }

  static async open(file: FoundFile, abort: AbortSignal): Promise<OpenFile> {
    try {
      // The path has no links: whoever puts one there since does not lead us elsewhere.
      const handle = await open(file.path, constants.O_RDONLY | constants.O_NOFOLLOW);
      return new OpenFile(file, handle, await statsOf(handle), abort);
    } catch (error) {
      throw asFileError(error, file.name);
    }
  }

  /** What the system says of the file now. */
  now(): Promise<Stats> {
    return statsOf(this.#handle);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /** At most `length` bytes from `from` on; fewer only at the end of what it held when it was opened. */
  async piece(from: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.stats.size - from));
    const bytes = Buffer.allocUnsafe(wanted);
    for (let filled = 0; filled < wanted;) {
      if (this.#abort.aborted) throw aborted();
      const { bytesRead } = await this.#read(bytes, filled, from + filled);
      if (bytesRead === 0) throw shrank(this.name, this.stats.size, from + filled);
      filled += bytesRead;
    }
    return bytes;
  }

  async #read(bytes: Buffer, filled: number, from: number): Promise<{ bytesRead: number }> {
    try {
      return await this.#handle.read(bytes, filled, bytes.byteLength - filled, from);
    } catch (error) {
      throw asFileError(error, this.name);
    }
  }

  /** Its uncompressed bytes, in pieces. `from`: where to begin; only without compression. */
  async *chunks(compression: Compression, from = 0): AsyncGenerator<Buffer, void, undefined> {
    switch (compression) {
      case 'none':
        yield* this.#pieces(from);
        return;
      case 'gzip':
        yield* this.#gunzipped();
        return;
      case 'zstd':
        yield* this.#unzstd();
    }
  }

  async *#pieces(from: number): AsyncGenerator<Buffer, void, undefined> {
    for (let at = from; at < this.stats.size;) {
      const bytes = await this.piece(at, readBytes);
      at += bytes.byteLength;
      yield bytes;
    }
  }

  async *#gunzipped(): AsyncGenerator<Buffer, void, undefined> {
    const gunzip = createGunzip({ chunkSize: readBytes });
    const fed = pipeline(this.#pieces(0), gunzip);
    // Told below, where the pieces are taken.
    fed.catch(() => undefined);
    try {
      for await (const chunk of gunzip) yield chunk as Buffer;
      await fed;
    } catch (error) {
      throw this.#undecodable(error, (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR');
    } finally {
      gunzip.destroy();
    }
  }

  async *#unzstd(): AsyncGenerator<Buffer, void, undefined> {
    const decoder = new ZstdDecoder();
    for (let at = 0; at < this.stats.size;) {
      const bytes = await this.piece(at, readBytes);
      if (at === 0) this.#refuseWindow(zstdWindow(bytes));
      at += bytes.byteLength;
      const isLast = at >= this.stats.size;
      try {
        yield* decoder.decode(bytes, isLast);
      } catch (error) {
        throw this.#undecodable(error, (error as { code?: unknown }).code === zstdEndedEarly);
      }
    }
  }

  #refuseWindow(bytes: number | null): void {
    if (bytes === null || bytes <= zstdWindowBytesMax) return;
    throw fileError(
      'config_error',
      'A zstd file needs too much memory.',
      { file: this.name },
      {
        detail: `a window of ${bytes} bytes, at most ${zstdWindowBytesMax}`,
        remedy: 'Compress it without --long and --ultra.',
      },
    );
  }

  #undecodable(error: unknown, isCut: boolean): unknown {
    const code = (error as { code?: unknown }).code;
    const isDecoders =
      typeof code === 'number' || (typeof code === 'string' && code.startsWith('Z_'));
    if (!isDecoders && !(error instanceof RangeError)) return error;
    if (isCut)
      return fileError(
        'transient_error',
        'A compressed file ends before its end.',
        { file: this.name },
        {
          remedy:
            'If it is still being written, write it under a name that no glob matches (with a dot before it) and rename it when it is whole; else copy it anew.',
          cause: error,
        },
      );
    return fileError(
      'config_error',
      'A compressed file is damaged.',
      { file: this.name },
      { remedy: 'Copy it anew from where it came from.', cause: error },
    );
  }
}

async function statsOf(handle: FileHandle): Promise<Stats> {
  const { size, mtimeNs } = await handle.stat({ bigint: true });
  return { size: Number(size), modified: mtimeNs };
}

function shrank(file: string, size: number, now: number): Error {
  return fileError(
    'transient_error',
    'A file became shorter while it was read.',
    { file },
    {
      detail: `${size} bytes when it was opened, ${now} now`,
      remedy:
        'It is read anew. Whoever writes it should write another file and rename it when it is whole.',
    },
  );
}
