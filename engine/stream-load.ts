import {
  partId,
  SyncError,
  type Block,
  type Counts,
  type Epoch,
  type Loader,
  type Part,
  type SealedPart,
  type StreamId,
} from '../protocol/index.ts';

/** Makes the writer's parts: each with an id of its own. */
export interface Parts {
  open(stream: StreamId): Promise<Part>;
}

export function createParts(loader: Loader, epoch: Epoch): Parts {
  let count = 0;
  return { open: (stream) => loader.part(stream, partId(epoch, ++count)) };
}

interface OpenPart extends Counts {
  readonly part: Part;
  readonly openedAt: number;
}

const nothing: Counts = { records: 0, bytes: 0 };
const add = (a: Counts, b: Counts): Counts => ({
  records: a.records + b.records,
  bytes: a.bytes + b.bytes,
});

/**
 * One stream's rows on their way: sealed parts, then an open part whose first `covered` records a state covers, then a tail that none
 * covers yet. Records come in the source's order and go into parts in that order (invariant 4).
 */
export class StreamLoad {
  readonly stream: StreamId;
  readonly #parts: Parts;
  #sealed: SealedPart[] = [];
  #sealedCounts: Counts = nothing;
  #open: OpenPart | null = null;
  #covered: Counts = nothing;
  #tail: Counts = nothing;

  constructor(stream: StreamId, parts: Parts) {
    this.stream = stream;
    this.#parts = parts;
  }

  /** Records that no state covers. */
  get tail(): Counts {
    return this.#tail;
  }

  /** Records that a state covers and no commit has taken. */
  get waiting(): Counts {
    return add(this.#sealedCounts, this.#covered);
  }

  /** Counts and age of the open part's covered records: what rolling looks at. */
  get open(): { readonly bytes: number; readonly openedAt: number } | null {
    return this.#open === null
      ? null
      : { bytes: this.#covered.bytes, openedAt: this.#open.openedAt };
  }

  get isEmpty(): boolean {
    return this.#open === null && this.#sealed.length === 0;
  }

  async append(block: Block, now: number, abort: AbortSignal): Promise<void> {
    this.#open ??= { part: await this.#parts.open(this.stream), openedAt: now, ...nothing };
    await this.#open.part.append(block, abort);
    this.#tail = add(this.#tail, { records: block.records, bytes: block.bytes.byteLength });
  }

  /** A state covers everything appended so far. */
  cover(): void {
    if (this.#open === null) return;
    this.#open.part.cover();
    this.#covered = add(this.#covered, this.#tail);
    this.#tail = nothing;
  }

  /** Closes the open part at its last cover. A tail is dropped with it, so only a drain seals while there is one. */
  async seal(): Promise<void> {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const expected = this.#covered;
    this.#covered = nothing;
    this.#tail = nothing;
    if (expected.records === 0) {
      await open.part.discard();
      return;
    }
    const sealed = await open.part.seal();
    // Invariant 6: what the destination staged is what we handed it, before anything is committed.
    if (sealed.records !== expected.records)
      throw disagreement(this.stream, expected.records, sealed.records);
    this.#sealed.push(sealed);
    this.#sealedCounts = add(this.#sealedCounts, expected);
  }

  /** Hands over the sealed parts. */
  take(): readonly SealedPart[] {
    const parts = this.#sealed;
    this.#sealed = [];
    this.#sealedCounts = nothing;
    return parts;
  }

  async discard(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#covered = nothing;
    this.#tail = nothing;
    await open?.part.discard();
  }
}

export function disagreement(stream: StreamId, sent: number, loaded: number): SyncError {
  return new SyncError('system_error', 'The destination counts other records than it was given.', {
    origin: 'destination',
    code: 'counts_disagree',
    stream,
    place: `stream ${stream}: given ${sent}, counted ${loaded}`,
    remedy: 'Nothing of this batch became a checkpoint. Retry; if it happens again, report it.',
    facts: { sent, loaded },
  });
}
