import { Decompress, ZstdErrorCode } from 'fzstd';

/** The `code` of the decoder's error where bytes are missing. */
export const zstdEndedEarly = ZstdErrorCode.UnexpectedEOF;

/** What a decoder must keep of what it decoded, bytes; zstd's own program refuses more too. */
export const zstdWindowBytesMax = 128 * 1024 * 1024;
/** The decoder is given so few bytes at once that not even a bomb (4 bytes for 128 KiB) becomes large. */
const pieceBytes = 1024;

/** The window that a frame asks for, bytes; null: the bytes are no frame, or one that is stepped over. */
export function zstdWindow(frame: Buffer): number | null {
  if (frame.byteLength < 14 || frame.readUInt32LE(0) !== 0xfd2fb528) return null;
  const flags = frame[4]!;
  const isOneSegment = (flags & 0x20) !== 0;
  if (!isOneSegment) {
    const [exponent, mantissa] = [frame[5]! >> 3, frame[5]! & 7];
    const base = 2 ** (10 + exponent);
    return base + (base / 8) * mantissa;
  }
  // The content is its own window. Its size follows the dictionary's id.
  const at = 5 + [0, 1, 2, 4][flags & 3]!;
  switch (flags >> 6) {
    case 0:
      return frame[at]!;
    case 1:
      return frame.readUInt16LE(at) + 256;
    case 2:
      return frame.readUInt32LE(at);
    default:
      return at + 8 <= frame.byteLength ? Number(frame.readBigUInt64LE(at)) : Infinity;
  }
}

/** Decodes pieces of zstd in turn. */
export class ZstdDecoder {
  #out: Buffer[] = [];
  readonly #decoder = new Decompress((chunk) => {
    // Its memory is the decoder's own.
    if (chunk.byteLength > 0) this.#out.push(Buffer.from(chunk));
  });

  /** Yields what the bytes decode to, before it looks at the rest of them. `isLast`: no more come. Throws the decoder's errors. */
  *decode(bytes: Buffer, isLast: boolean): Generator<Buffer, void, undefined> {
    for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
      const end = Math.min(bytes.byteLength, at + pieceBytes);
      this.#decoder.push(bytes.subarray(at, end), isLast && end === bytes.byteLength);
      const out = this.#out;
      this.#out = [];
      if (out.length > 0) yield out.length === 1 ? out[0]! : Buffer.concat(out);
    }
  }
}
