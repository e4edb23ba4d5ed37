/** Cuts free text into lines of bounded length; the rest of a longer line is dropped. Decodes whole lines only. */
export interface TextLines {
  push(chunk: Buffer): void;
  /** The last line, if it lacks its ending. */
  end(): void;
}

/** Bytes of a line that are kept. */
export const textLineBytesMax = 16 * 1024;

export function createTextLines(take: (line: string) => void): TextLines {
  let kept: Buffer[] = [];
  let bytes = 0;

  const keep = (piece: Buffer): void => {
    const room = textLineBytesMax - bytes;
    // A copy: a small piece must not hold the chunk that it came in.
    if (room > 0 && piece.length > 0) kept.push(Buffer.from(piece.subarray(0, room)));
    bytes += piece.length;
  };
  const finish = (): void => {
    const text = Buffer.concat(kept).toString('utf8').replace(/\r$/, '');
    const cut = bytes > textLineBytesMax ? `${text} … (cut, ${bytes} bytes)` : text;
    kept = [];
    bytes = 0;
    if (cut.trim() !== '') take(cut);
  };

  return {
    push(chunk) {
      let at = 0;
      for (let feed = chunk.indexOf(0x0a); feed >= 0; feed = chunk.indexOf(0x0a, at)) {
        keep(chunk.subarray(at, feed));
        finish();
        at = feed + 1;
      }
      keep(chunk.subarray(at));
    },
    end: () => bytes > 0 && finish(),
  };
}
