import { createHash, type Hash } from 'node:crypto';

/** The grain at which a reader can find its place again without reading all that is before it, bytes. */
export const grainBytes = 1024 * 1024;

/** What the bytes before a position are, in short. */
export interface Mark {
  /** Of the whole grains before the position, where there are any. */
  readonly chain: string;
  /** Of all bytes before the position. */
  readonly hash: string;
}

export const emptyChain = '';

/**
 * A hash over the bytes of a file up to a position, which can be taken up again at the last grain before that position: so an unchanged
 * file is entered in its middle, and a changed one is proven to be the same up to there.
 */
export class Fingerprint {
  #chain: string;
  #grain: Hash = createHash('sha256');
  #filled = 0;

  /** `chain`: of the grains before the place where this one begins. */
  constructor(chain: string = emptyChain) {
    this.#chain = chain;
  }

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) {
      // A full grain is closed only when more comes: so one can always go on inside of a grain and sees the byte before its position.
      if (this.#filled === grainBytes) this.#close();
      const end = Math.min(bytes.byteLength, at + grainBytes - this.#filled);
      this.#grain.update(bytes.subarray(at, end));
      this.#filled += end - at;
      at = end;
    }
  }

  mark(): Mark {
    return { chain: this.#chain, hash: short(this.#chain, this.#grain.copy()) };
  }

  #close(): void {
    this.#chain = short(this.#chain, this.#grain);
    this.#grain = createHash('sha256');
    this.#filled = 0;
  }
}

/** Where the grain begins in which a position lies; the position may be its end. */
export function grainOf(at: number): number {
  return at === 0 ? 0 : Math.floor((at - 1) / grainBytes) * grainBytes;
}

/** 96 bits. */
function short(chain: string, grain: Hash): string {
  return createHash('sha256').update(chain).update(grain.digest()).digest('base64url').slice(0, 16);
}
