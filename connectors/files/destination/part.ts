import { appendFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import type { Block, Part, PartId, SealedPart, StreamId } from '../../../protocol/index.ts';
import type { GatheredPart, Outlet } from '../../kit/gather.ts';
import type { Encoded } from './encode.ts';
import type { Placing } from './place.ts';

/** A file that waits in the staging directory. */
export type WrittenFile = Placing & Encoded;

export interface FilesSealedPart extends SealedPart {
  /** null: it has no records. */
  readonly file: WrittenFile | null;
}

/** A part's records as they came. */
export class StagedRecords implements Outlet {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async put(bytes: Uint8Array): Promise<void> {
    await appendFile(this.#path, bytes, { mode: 0o600 });
  }
}

export interface PartOptions {
  readonly gathered: GatheredPart;
  readonly stream: StreamId;
  readonly id: PartId;
  readonly staging: string;
  /** Names in the staging directory. */
  readonly staged: { readonly records: string; readonly file: string };
  /** Ends what is pending when the loader closes. */
  readonly abort: AbortSignal;
  /** Writes the records as readers will find them; resolves to the file and its place. */
  readonly write: () => Promise<WrittenFile>;
  /** Where the system's errors become ours. */
  readonly guard: <T>(work: () => Promise<T>, abort: AbortSignal) => Promise<T>;
}

/** Records are kept as they come until it is known which of them count; `seal` writes those as a file. */
export class FilesPart implements Part {
  readonly #options: PartOptions;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  async append(block: Block, abort: AbortSignal): Promise<void> {
    await this.#options.guard(() => this.#options.gathered.append(block, abort), abort);
  }

  cover(): void {
    this.#options.gathered.cover();
  }

  async seal(): Promise<FilesSealedPart> {
    const { gathered, stream, id, staging, staged, abort, guard, write } = this.#options;
    return guard(async () => {
      const { records, bytes } = gathered.covered;
      const path = join(staging, staged.records);
      if (await gathered.seal(abort)) await truncate(path, bytes);
      const file = records === 0 ? null : await write();
      await rm(path, { force: true });
      return { stream, id, records, bytes, file };
    }, abort);
  }

  async discard(): Promise<void> {
    const { gathered, staging, staged } = this.#options;
    gathered.discard();
    for (const name of Object.values(staged)) await rm(join(staging, name), { force: true });
  }
}
