import { recordBytesMax } from './envelope.ts';
import { Fingerprint, type Mark } from './fingerprint.ts';

const newline = 10;

/** The chunks of a file, uncompressed. */
export type Chunks = AsyncGenerator<Buffer, void, undefined>;

/** The part of a file's bytes that is looked at, and all that is known of what is before it. */
export class Window {
  /** What was read and not consumed. */
  bytes: Buffer = Buffer.alloc(0);
  /** Offset of `bytes` in the uncompressed file. */
  at: number;
  /** Newlines before `at`. */
  lines = 0;
  /** The byte before `at`; null: none. */
  before: number | null = null;
  readonly #chunks: Chunks;
  readonly #fingerprint: Fingerprint;

  constructor(chunks: Chunks, from = { at: 0, chain: '' }) {
    this.#chunks = chunks;
    this.at = from.at;
    this.#fingerprint = new Fingerprint(from.chain);
  }

  /** Doubles the window, so that a long record is looked at few times, but not far past the longest record; false at the end of the file. */
  async more(): Promise<boolean> {
    const pieces = [this.bytes];
    let bytes = this.bytes.byteLength;
    const wanted = Math.min(bytes * 2, recordBytesMax + 1);
    do {
      const next = await this.#chunks.next();
      if (next.done === true) break;
      pieces.push(next.value);
      bytes += next.value.byteLength;
    } while (bytes < wanted);
    if (bytes === this.bytes.byteLength) return false;
    this.bytes = Buffer.concat(pieces, bytes);
    return true;
  }

  /** The first `count` bytes are done with. */
  advance(count: number): void {
    if (count === 0) return;
    const done = this.bytes.subarray(0, count);
    this.#fingerprint.update(done);
    for (let i = done.indexOf(newline); i >= 0; i = done.indexOf(newline, i + 1)) this.lines += 1;
    this.before = done[count - 1]!;
    this.bytes = this.bytes.subarray(count);
    this.at += count;
  }

  /** Goes to `at`, which is ahead; false when the file ends before. */
  async skipTo(at: number): Promise<boolean> {
    while (this.at < at) {
      if (this.bytes.byteLength === 0 && !(await this.more())) return false;
      this.advance(Math.min(this.bytes.byteLength, at - this.at));
    }
    return true;
  }

  mark(): Mark {
    return this.#fingerprint.mark();
  }

  async close(): Promise<void> {
    await this.#chunks.return();
  }
}
