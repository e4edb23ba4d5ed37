import { appendFile, rm, truncate } from 'node:fs/promises';
import type { Block, Part, PartId, SealedPart, StreamId } from '../../protocol/index.ts';
import { exactLines, repaired } from '../kit/duckdb/repair.ts';
import type { RecordFile } from '../kit/duckdb/stage.ts';
import type { GatheredPart, Outlet } from '../kit/gather.ts';

/** A sealed part with the file that holds it. */
export type DuckdbSealedPart = SealedPart & RecordFile;

export class FileOutlet implements Outlet {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  async put(bytes: Uint8Array): Promise<void> {
    await appendFile(this.#file, bytes, { mode: 0o600 });
  }
}

/** Lines in a file beside the database, which stays closed meanwhile. */
export class DuckdbPart implements Part {
  readonly #gathered: GatheredPart;
  readonly #sealed: Pick<DuckdbSealedPart, 'stream' | 'id' | 'file'>;
  readonly #abort: AbortSignal;
  readonly #repairing: ReadonlySet<StreamId>;
  #receivedBytes = 0;
  #coveredBytes = 0;
  #lineBytesMax = 0;

  constructor(options: {
    gathered: GatheredPart;
    stream: StreamId;
    id: PartId;
    file: string;
    abort: AbortSignal;
    /** Streams whose lines DuckDB refused once. */
    repairing: ReadonlySet<StreamId>;
  }) {
    this.#gathered = options.gathered;
    this.#sealed = { stream: options.stream, id: options.id, file: options.file };
    this.#abort = options.abort;
    this.#repairing = options.repairing;
  }

  async append(block: Block, abort: AbortSignal): Promise<void> {
    const { stream } = block;
    const bytes = this.#repairing.has(stream)
      ? repaired(block.bytes, stream)
      : exactLines(block.bytes, stream);
    this.#receivedBytes += block.bytes.byteLength;
    this.#lineBytesMax = Math.max(this.#lineBytesMax, bytes.byteLength);
    await this.#gathered.append({ ...block, bytes }, abort);
  }

  cover(): void {
    this.#gathered.cover();
    this.#coveredBytes = this.#receivedBytes;
  }

  async seal(): Promise<DuckdbSealedPart> {
    const covered = this.#gathered.covered;
    if (await this.#gathered.seal(this.#abort)) await truncate(this.#sealed.file, covered.bytes);
    return {
      ...this.#sealed,
      records: covered.records,
      bytes: this.#coveredBytes,
      lineBytesMax: this.#lineBytesMax,
    };
  }

  async discard(): Promise<void> {
    this.#gathered.discard();
    await rm(this.#sealed.file, { force: true });
  }
}
