import { appendFile, rm, truncate } from 'node:fs/promises';
import {
  checkCount,
  type Block,
  type Part,
  type PartId,
  type SealedPart,
  type StreamId,
} from '../../../protocol/index.ts';
import type { GatheredPart, Outlet } from '../gather.ts';
import type { Encoded } from './encode.ts';
import type { Placing } from './plan-commit.ts';

/** A file that waits in the staging directory. */
export type WrittenFile = Placing & Encoded;

export interface FilesSealedPart extends SealedPart {
  /** In the order of their records; of a part without records none. */
  readonly files: readonly WrittenFile[];
}

/** As many rows were written as records came. Invariant 6. */
export function checkRows(parts: readonly FilesSealedPart[]): void {
  for (const { stream, records, files } of parts) {
    const loaded = files.reduce((sum, { rows }) => sum + rows, 0);
    checkCount({ stream, given: records, loaded, committed: false });
  }
}

/** A part's records, one a line. */
export class StagedRecords implements Outlet {
  readonly path: string;
  #lineBytesMax = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** The largest piece: no line is longer. */
  get lineBytesMax(): number {
    return this.#lineBytesMax;
  }

  async put(bytes: Uint8Array): Promise<void> {
    this.#lineBytesMax = Math.max(this.#lineBytesMax, bytes.byteLength);
    await appendFile(this.path, bytes, { mode: 0o600 });
  }
}

export interface PartOptions {
  readonly gathered: GatheredPart;
  readonly stream: StreamId;
  readonly id: PartId;
  /** Where the records are, in the staging directory. */
  readonly records: string;
  /** What is staged of a block's records. */
  readonly lines: (bytes: Uint8Array) => Uint8Array;
  /** Ends what is pending when the loader closes. */
  readonly abort: AbortSignal;
  /** Writes the records as readers will find them; resolves to the files and their places. */
  readonly write: () => Promise<readonly WrittenFile[]>;
  /** Where the system's errors become ours. */
  readonly guard: <T>(work: () => Promise<T>, abort: AbortSignal) => Promise<T>;
}

/** Records are kept in lines until it is known which of them count; `seal` writes those as files. */
export class FilesPart implements Part {
  readonly #options: PartOptions;
  #receivedBytes = 0;
  #coveredBytes = 0;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  async append(block: Block, abort: AbortSignal): Promise<void> {
    const { guard, gathered, lines } = this.#options;
    await guard(() => gathered.append({ ...block, bytes: lines(block.bytes) }, abort), abort);
    this.#receivedBytes += block.bytes.byteLength;
  }

  cover(): void {
    this.#options.gathered.cover();
    this.#coveredBytes = this.#receivedBytes;
  }

  async seal(): Promise<FilesSealedPart> {
    const { gathered, stream, id, records: path, abort, guard, write } = this.#options;
    return guard(async () => {
      const { records, bytes } = gathered.covered;
      if (await gathered.seal(abort)) await truncate(path, bytes);
      const files = records === 0 ? [] : await write();
      await rm(path, { force: true });
      return { stream, id, records, bytes: this.#coveredBytes, files };
    }, abort);
  }

  async discard(): Promise<void> {
    const { gathered, records } = this.#options;
    gathered.discard();
    await rm(records, { force: true });
  }
}
