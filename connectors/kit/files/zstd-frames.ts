import { Zstd } from '@hpcc-js/wasm-zstd';

/** One frame holds so much at most: readers keep a frame's window in memory. */
const frameBytesMax = 4 * 1024 * 1024;

/** The same bytes as zstd, frame after frame; readers take them as one text. Node has no zstd of its own before version 22. */
export async function* zstdFrames(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const zstd = await Zstd.load();
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const some = piece.subarray(at, at + frameBytesMax - bytes);
      waiting.push(some);
      bytes += some.length;
      at += some.length;
      if (bytes < frameBytesMax) continue;
      yield frameOf(zstd, waiting);
      waiting = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield frameOf(zstd, waiting);
}

/** A copy: what it returns lies in the module's own memory. */
const frameOf = (zstd: Zstd, pieces: readonly Buffer[]): Buffer =>
  Buffer.from(zstd.compress(Buffer.concat(pieces)));
