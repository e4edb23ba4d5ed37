import { createHash } from 'node:crypto';
import { compareFiles, type NamedStats } from './store.ts';

/** Files of one block; a block is forgotten as a whole. */
const blockFilesMax = 500;
/** Invariant 7: 4,000 files, in 40 KB. */
const blocksMax = 8;
/** Characters of a file's hash: 60 bits, so that of a thousand million files none is taken for another. */
const hashLength = 10;
export const earlierBytesMax = blocksMax * blockFilesMax * hashLength;

/** The last of a block's files in their order, and the hashes of all of them, one after the other. */
export type KeptBlock = readonly [modified: string, name: string, hashes: string];

export interface FileKey {
  readonly name: string;
  readonly modified: bigint;
}

interface Block {
  last: FileKey;
  readonly hashes: string[];
}

/** Finished files of which only that is remembered: by a hash of name, time, size and version. */
export class Earlier {
  readonly #blocks: Block[];
  readonly #known: Set<string>;

  constructor(kept: readonly KeptBlock[]) {
    this.#blocks = kept.map(([modified, name, hashes]) => ({
      last: { modified: BigInt(modified), name },
      hashes: hashes.match(new RegExp(`.{${hashLength}}`, 'g')) ?? [],
    }));
    this.#known = new Set(this.#blocks.flatMap(({ hashes }) => hashes));
  }

  has(file: NamedStats): boolean {
    return this.#known.has(hashOf(file));
  }

  add(file: NamedStats): void {
    const { name, modified } = file;
    let block = this.#blocks.at(-1);
    if (block === undefined || block.hashes.length >= blockFilesMax)
      this.#blocks.push((block = { last: { name, modified }, hashes: [] }));
    if (compareFiles(file, block.last) > 0) block.last = { name, modified };
    const hash = hashOf(file);
    block.hashes.push(hash);
    this.#known.add(hash);
  }

  /**
   * Forgets what there are too many of, the first in order first: all files up to the key that it answers count as finished from now on. null:
   * there are not too many, or not all up to there are finished (`waiting`: the first that is not).
   */
  forget(waiting: FileKey | undefined): FileKey | null {
    let floor: FileKey | null = null;
    while (this.#blocks.length > blocksMax) {
      const block = this.#blocks.reduce((a, b) => (compareFiles(a.last, b.last) <= 0 ? a : b));
      if (waiting !== undefined && compareFiles(block.last, waiting) >= 0) break;
      this.#blocks.splice(this.#blocks.indexOf(block), 1);
      for (const hash of block.hashes) this.#known.delete(hash);
      if (floor === null || compareFiles(block.last, floor) > 0) floor = block.last;
    }
    return floor;
  }

  kept(): readonly KeptBlock[] {
    return this.#blocks.map(({ last, hashes }) => [
      String(last.modified),
      last.name,
      hashes.join(''),
    ]);
  }
}

function hashOf({ name, modified, size, version }: NamedStats): string {
  const text = JSON.stringify([name, String(modified), size, version ?? null]);
  return createHash('sha256').update(text).digest('base64url').slice(0, hashLength);
}
