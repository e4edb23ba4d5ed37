import { readBytes } from '../../kit/files-source/bytes.ts';
import { fileError } from '../../kit/files-source/errors.ts';
import { headBytesMax } from '../../kit/files-source/identify.ts';
import type { OpenFile } from '../../kit/files-source/store.ts';
import type { Asking } from '../../kit/s3/ask.ts';
import type { ListedObject } from './listing.ts';
import { rangeOf } from './ranges.ts';

/** What is fetched of an object first, and kept while it is read: of most objects all, and so in one request. Enough to tell that there is more. */
const headBytes = headBytesMax + 1;

/** An object, as it was when it was listed: each request asks for that version, so that no two are mixed. */
export async function openObject(asking: Asking, object: ListedObject): Promise<OpenFile> {
  const { name, key, size, modified, version } = object;
  const head = await collected(rangeOf(asking, object, 0, Math.min(size, headBytes)));
  const stats = { size, modified, version };

  async function* pieces(from: number, to = size): AsyncGenerator<Buffer, void, undefined> {
    const end = Math.min(to, size);
    let at = from;
    for (; at < Math.min(end, head.byteLength); at = Math.min(at + readBytes, head.byteLength))
      yield head.subarray(at, Math.min(end, at + readBytes));
    if (at < end) yield* rangeOf(asking, object, at, end);
  }

  return {
    ...{ name, stats, path: null, pieces },
    // S3 answered each request from that version, or refused it.
    now: () => Promise.resolve(stats),
    async piece(from, length) {
      const wanted = Math.max(0, Math.min(length, size - from));
      const bytes = await collected(pieces(from, from + wanted));
      if (bytes.byteLength === wanted) return bytes;
      throw fileError(
        'system_error',
        'S3 sent fewer bytes of an object than were asked for.',
        { file: name },
        { detail: asking.place(key), remedy: 'See whether the service honours ranges.' },
      );
    },
    close: () => Promise.resolve(),
  };
}

async function collected(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const bytes of pieces) all.push(bytes);
  return all.length === 1 ? all[0]! : Buffer.concat(all);
}
