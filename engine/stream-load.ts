import {
  checkCount,
  partId,
  type Block,
  type Counts,
  type Encoding,
  type Epoch,
  type Loader,
  type Part,
  type SealedPart,
  type StreamId,
} from '../protocol/index.ts';

/** How much of what follows a state may wait in memory for the next one. */
export interface TailBounds {
  /** Of one stream; more of it begins a new part. */
  readonly streamBytesMax: number;
  /** Of all streams together. */
  readonly totalBytesMax: number;
}
export const defaultTailBounds: TailBounds = {
  streamBytesMax: 1024 * 1024,
  totalBytesMax: 8 * 1024 * 1024,
};

/** The writer's parts, each with an id of its own, and the bytes that its tails hold together. */
export interface Parts {
  readonly bounds: TailBounds;
  heldBytes: number;
  open(stream: StreamId): Promise<Part>;
}

export function createParts(loader: Loader, epoch: Epoch, bounds: TailBounds): Parts {
  let count = 0;
  return {
    bounds,
    heldBytes: 0,
    open: (stream) => loader.part(stream, partId(epoch, ++count)),
  };
}

interface HeldBlock {
  readonly encoding: Encoding;
  readonly records: number;
  readonly bytes: Uint8Array;
}

const nothing: Counts = { records: 0, bytes: 0 };
const add = (a: Counts, b: Counts): Counts => ({
  records: a.records + b.records,
  bytes: a.bytes + b.bytes,
});

/**
 * One stream's rows on their way, in the source's order (invariant 4): sealed parts, an open part, and a tail held in memory. The open part
 * either ends at a state or has not met one: what follows a state is held back, and goes into that part when the next state covers it too,
 * or into a new one when it grows. So a part may be sealed at any time, and a state never waits for records that came after it.
 */
export class StreamLoad {
  readonly stream: StreamId;
  readonly #parts: Parts;
  #sealed: SealedPart[] = [];
  #open: Part | null = null;
  /** Records of the open part that a state covers: all of them, or none. */
  #coveredRecords = 0;
  #uncovered: Counts = nothing;
  #held: HeldBlock[] = [];
  #heldCounts: Counts = nothing;

  constructor(stream: StreamId, parts: Parts) {
    this.stream = stream;
    this.#parts = parts;
  }

  /** Records that no state covers. */
  get tail(): Counts {
    return add(this.#uncovered, this.#heldCounts);
  }

  get isEmpty(): boolean {
    return this.#open === null && this.#sealed.length === 0 && this.#held.length === 0;
  }

  /** Takes the block's records in; the block stays the caller's. */
  async append(block: Block, abort: AbortSignal): Promise<void> {
    if (this.#coveredRecords === 0) return this.#put(block, abort);
    this.#hold(block);
    const { streamBytesMax, totalBytesMax } = this.#parts.bounds;
    // Invariant 7.
    const isFull = this.#heldCounts.bytes > streamBytesMax || this.#parts.heldBytes > totalBytesMax;
    if (isFull) await this.seal(abort);
  }

  /** Puts what is held into the open part, or a new one: a state is about to cover it. */
  async flush(abort: AbortSignal): Promise<void> {
    const held = this.#held;
    this.#forgetHeld();
    const { stream } = this;
    for (const one of held) await this.#put({ type: 'BLOCK', stream, ...one, release }, abort);
  }

  /** A state covers everything appended and flushed so far. */
  cover(): void {
    if (this.#open === null) return;
    this.#open.cover();
    this.#coveredRecords += this.#uncovered.records;
    this.#uncovered = nothing;
  }

  /** Closes the open part if it ends at a state; what is held begins the next. */
  async seal(abort: AbortSignal): Promise<void> {
    const open = this.#open;
    const expected = this.#coveredRecords;
    if (open === null || expected === 0) return;
    this.#open = null;
    this.#coveredRecords = 0;
    const sealed = await open.seal();
    const { stream } = this;
    checkCount({ stream, given: expected, loaded: sealed.records, committed: false });
    this.#sealed.push(sealed);
    await this.flush(abort);
  }

  /** Forgets what no state covers. */
  async dropTail(): Promise<void> {
    this.#forgetHeld();
    if (this.#uncovered.records === 0) return;
    this.#uncovered = nothing;
    // A failure came between a state and its cover: sealing cuts off what the part took since.
    if (this.#coveredRecords > 0) return;
    const open = this.#open;
    this.#open = null;
    await open?.discard();
  }

  /** Hands over the sealed parts. */
  take(): readonly SealedPart[] {
    const parts = this.#sealed;
    this.#sealed = [];
    return parts;
  }

  async #put(block: Block, abort: AbortSignal): Promise<void> {
    this.#open ??= await this.#parts.open(this.stream);
    await this.#open.append(block, abort);
    this.#uncovered = add(this.#uncovered, countsOf(block));
  }

  #hold({ encoding, records, bytes }: Block): void {
    // A copy: the block's bytes are its source's again once it is released.
    this.#held.push({ encoding, records, bytes: Uint8Array.from(bytes) });
    this.#heldCounts = add(this.#heldCounts, { records, bytes: bytes.byteLength });
    this.#parts.heldBytes += bytes.byteLength;
  }

  #forgetHeld(): void {
    this.#parts.heldBytes -= this.#heldCounts.bytes;
    this.#held = [];
    this.#heldCounts = nothing;
  }
}

/** Ours: nobody waits for it. */
const release = (): void => undefined;

function countsOf({ records, bytes }: Block): Counts {
  return { records, bytes: bytes.byteLength };
}
