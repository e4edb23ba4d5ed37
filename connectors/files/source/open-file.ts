import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { readBytes } from '../../kit/files-source/bytes.ts';
import { aborted, fileError } from '../../kit/files-source/errors.ts';
import type { OpenFile, Stats } from '../../kit/files-source/store.ts';
import { asFileError } from './errors.ts';

/** `path`: absolute, without symbolic links. */
export async function openFile(
  { name, path }: { readonly name: string; readonly path: string },
  abort: AbortSignal,
): Promise<OpenFile> {
  let handle: FileHandle;
  try {
    // The path has no links: whoever puts one there since does not lead us elsewhere.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    throw asFileError(error, name);
  }
  try {
    return opened({ name, path, handle, abort, stats: await statsOf(handle) });
  } catch (error) {
    await handle.close();
    throw asFileError(error, name);
  }
}

interface Opened {
  readonly name: string;
  readonly path: string;
  readonly handle: FileHandle;
  readonly stats: Stats;
  readonly abort: AbortSignal;
}

function opened({ name, path, handle, stats, abort }: Opened): OpenFile {
  const piece = async (from: number, length: number): Promise<Buffer> => {
    const wanted = Math.max(0, Math.min(length, stats.size - from));
    const bytes = Buffer.allocUnsafe(wanted);
    for (let filled = 0; filled < wanted;) {
      if (abort.aborted) throw aborted();
      const { bytesRead } = await handle
        .read(bytes, filled, wanted - filled, from + filled)
        .catch((error: unknown) => {
          throw asFileError(error, name);
        });
      if (bytesRead === 0) throw shrank(name, stats.size, from + filled);
      filled += bytesRead;
    }
    return bytes;
  };
  return {
    ...{ name, path, stats, piece },
    now: () => statsOf(handle),
    async *pieces(from, to = stats.size) {
      for (let at = from; at < to;) {
        const bytes = await piece(at, Math.min(readBytes, to - at));
        at += bytes.byteLength;
        yield bytes;
      }
    },
    close: () => handle.close(),
  };
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
