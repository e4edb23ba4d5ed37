import { appendFile, rename, rm, truncate } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import type { Block, Part, PartId, SealedPart, StreamId } from '../../protocol/index.ts';
import { nestsDeeper } from '../kit/depth.ts';
import type { GatheredPart, Outlet } from '../kit/gather.ts';
import { NotJson } from '../kit/json-scan.ts';
import { depthMax, repairLines, type RepairRules } from '../kit/repair.ts';
import { hasDoubtfulNumber } from '../kit/suspicion.ts';
import { unreadableRecord } from '../kit/targets.ts';

/** DuckDB reads every number with a point as a double. */
const rules: RepairRules = { numbers: 'list', refusesNul: false };
/** It may stand in a key. */
const nul = '\\u0000';
/** The line, its record and its data. */
const envelopeDepth = 3;
/** A file is repaired in pieces of this size. */
const repairBytes = 4 * 1024 * 1024;

/** A sealed part with the file that holds it. */
export interface DuckdbSealedPart extends SealedPart {
  readonly file: string;
  /** The largest block: no line is longer. */
  readonly lineBytesMax: number;
}

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
    const doubtful = this.#repairing.has(block.stream) || needsRepair(block.bytes);
    const bytes = doubtful ? repaired(block.bytes, block.stream) : block.bytes;
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

/** True where DuckDB would not refuse what it gets wrong, or would end the process: that is how deep JSON overflows its stack. */
function needsRepair(bytes: Uint8Array): boolean {
  return (
    hasDoubtfulNumber(bytes) ||
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(nul) ||
    nestsDeeper(bytes, depthMax + envelopeDepth)
  );
}

function repaired(bytes: Uint8Array, stream: StreamId): Uint8Array {
  try {
    return repairLines(bytes, rules);
  } catch (error) {
    if (error instanceof NotJson) throw unreadableRecord(stream);
    throw error;
  }
}

/** Rewrites a part that DuckDB could not read. */
export async function repairFile({ file, stream }: DuckdbSealedPart): Promise<void> {
  const target = `${file}.repaired`;
  await rm(target, { force: true });
  let rest: Uint8Array = new Uint8Array(0);
  const put = (bytes: Uint8Array): Promise<void> =>
    appendFile(target, repaired(bytes, stream), { mode: 0o600 });
  for await (const chunk of createReadStream(file, { highWaterMark: repairBytes })) {
    const bytes = joined(rest, chunk as Uint8Array);
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) await put(bytes.subarray(0, end));
    rest = bytes.slice(end);
  }
  if (rest.byteLength > 0) await put(rest);
  await rename(target, file);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.byteLength + b.byteLength);
  bytes.set(a);
  bytes.set(b, a.byteLength);
  return bytes;
}
