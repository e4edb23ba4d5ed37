import { SyncError, type Block, type Encoding } from '../../protocol/index.ts';

/** A part's blocks are gathered up to this before they go out in one piece: small blocks would cost a round trip each. */
const pieceBytesMax = 1024 * 1024;
/** And all parts of a loader together up to this. */
const gatheredBytesMax = 8 * 1024 * 1024;

export interface Extent {
  readonly records: number;
  readonly bytes: number;
}

/** Where a part's bytes go: a temporary table, a file. */
export interface Outlet {
  /** Encodings it takes beside `jsonl`. Absent: none. */
  readonly takes?: readonly Encoding[];
  /** Takes whole records of one encoding, after those before. `bytes` are the caller's again once it resolves. */
  put(bytes: Uint8Array, records: number, abort: AbortSignal, encoding: Encoding): Promise<void>;
}

/** Gathers blocks per part, bounded in total. Invariant 7. */
export class Gatherer {
  readonly #parts = new Set<GatheredPart>();
  #bytes = 0;

  part(outlet: Outlet): GatheredPart {
    const part = new GatheredPart(outlet, this);
    this.#parts.add(part);
    return part;
  }

  grew(bytes: number): void {
    this.#bytes += bytes;
  }

  /** Sends the largest pieces until the total is within its bound. */
  async relieve(abort: AbortSignal): Promise<void> {
    while (this.#bytes > gatheredBytesMax) {
      let largest: GatheredPart | undefined;
      for (const part of this.#parts)
        if (part.waitingBytes > (largest?.waitingBytes ?? 0)) largest = part;
      await largest!.flush(abort);
    }
  }

  forget(part: GatheredPart): void {
    this.#parts.delete(part);
  }
}

interface Piece {
  readonly bytes: Uint8Array;
  readonly records: number;
}

export class GatheredPart {
  readonly #outlet: Outlet;
  readonly #gatherer: Gatherer;
  #waiting: Piece[] = [];
  /** Of what waits. */
  #encoding: Encoding = 'jsonl';
  #waitingBytes = 0;
  #records = 0;
  #bytes = 0;
  #sentRecords = 0;
  #covered: Extent = { records: 0, bytes: 0 };

  constructor(outlet: Outlet, gatherer: Gatherer) {
    this.#outlet = outlet;
    this.#gatherer = gatherer;
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  get covered(): Extent {
    return this.#covered;
  }

  async append(block: Block, abort: AbortSignal): Promise<void> {
    const { encoding } = block;
    if (encoding !== 'jsonl' && this.#outlet.takes?.includes(encoding) !== true)
      throw new SyncError(
        'system_error',
        'The destination was sent an encoding it does not take.',
        {
          origin: 'tidemark',
          stream: block.stream,
          facts: { encoding },
        },
      );
    if (abort.aborted) throw aborted();
    // Invariant 4: what waits is written in its own encoding, and goes out before.
    if (encoding !== this.#encoding) await this.flush(abort);
    this.#encoding = encoding;
    this.#records += block.records;
    this.#bytes += block.bytes.byteLength;
    if (this.#waitingBytes === 0 && block.bytes.byteLength >= pieceBytesMax) {
      this.#sentRecords += block.records;
      return this.#outlet.put(block.bytes, block.records, abort, encoding);
    }
    // The block's bytes are the caller's again after this call, so they are copied.
    this.#waiting.push({ bytes: new Uint8Array(block.bytes), records: block.records });
    this.#hold(block.bytes.byteLength);
    if (this.#waitingBytes >= pieceBytesMax) await this.flush(abort);
    await this.#gatherer.relieve(abort);
    return undefined;
  }

  cover(): void {
    this.#covered = { records: this.#records, bytes: this.#bytes };
  }

  async flush(abort: AbortSignal): Promise<void> {
    const pieces = this.#waiting;
    if (pieces.length === 0) return;
    this.#waiting = [];
    this.#hold(-this.#waitingBytes);
    const records = pieces.reduce((sum, piece) => sum + piece.records, 0);
    this.#sentRecords += records;
    await this.#outlet.put(joined(pieces), records, abort, this.#encoding);
  }

  /** Sends what is covered and forgets the rest. True when uncovered records went out already. */
  async seal(abort: AbortSignal): Promise<boolean> {
    let sent = this.#sentRecords;
    const kept: Piece[] = [];
    let bytes = 0;
    for (const piece of this.#waiting) {
      if (sent >= this.#covered.records) break;
      sent += piece.records;
      bytes += piece.bytes.byteLength;
      kept.push(piece);
    }
    this.#waiting = kept;
    this.#hold(bytes - this.#waitingBytes);
    await this.flush(abort);
    this.#gatherer.forget(this);
    return this.#sentRecords > this.#covered.records;
  }

  discard(): void {
    this.#waiting = [];
    this.#hold(-this.#waitingBytes);
    this.#gatherer.forget(this);
  }

  #hold(bytes: number): void {
    this.#waitingBytes += bytes;
    this.#gatherer.grew(bytes);
  }
}

function joined(pieces: readonly Piece[]): Uint8Array {
  if (pieces.length === 1) return pieces[0]!.bytes;
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.bytes.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece.bytes, at);
    at += piece.bytes.byteLength;
  }
  return bytes;
}

/** What either end says that was stopped: the fault is none of its own. */
export function aborted(): SyncError {
  return new SyncError('transient_error', 'It was stopped on request.', {
    origin: 'tidemark',
    code: 'aborted',
  });
}
