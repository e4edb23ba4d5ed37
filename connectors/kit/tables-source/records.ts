import {
  SyncError,
  type Block,
  type StreamDescriptor,
  type StreamId,
} from '../../../protocol/index.ts';

/** Blocks are ended at about this size, bytes. */
export const blockBytesMax = 128 * 1024;
/** A record's data, bytes of JSON. */
export const recordBytesMax = 64 * 1024 * 1024;
/** Buffers that are kept for the next blocks. */
const spareMax = 8;

/** A block, and what was said of it when it was cut off. */
export interface MarkedBlock<M> {
  readonly block: Block | null;
  readonly mark: M | null;
}

/** Puts the data of records, as undecoded JSON without newlines, into blocks of RECORD envelopes. */
export interface Records<M> {
  /** One more record. The bytes are copied. */
  add(data: Uint8Array): void;
  /** Ends the block here and marks it; without records there is a mark alone. */
  cut(mark: M | null): void;
  /** Since the last mark. */
  readonly records: number;
}

export interface RecordsOptions<M> {
  readonly id: StreamId;
  readonly stream: StreamDescriptor;
  /** Epoch ms, of all records. */
  readonly emittedAt: number;
  give(this: void, block: MarkedBlock<M>): void;
}

export function createRecords<M>({ id, stream, emittedAt, give }: RecordsOptions<M>): Records<M> {
  const head = Buffer.from(`{"type":"RECORD","record":{${namesOf(stream)},"data":`);
  const tail = Buffer.from(`,"emitted_at":${emittedAt}}}\n`);
  const around = head.byteLength + tail.byteLength;
  const spare: Buffer[] = [];
  let buffer: Buffer | null = null;
  let at = 0;
  let inBlock = 0;
  let sinceMark = 0;

  function roomFor(bytes: number): Buffer {
    if (buffer !== null && at + bytes > buffer.byteLength) flush(null);
    if (buffer !== null) return buffer;
    buffer = bytes > blockBytesMax ? Buffer.allocUnsafeSlow(bytes) : takeSpare();
    return buffer;
  }

  const takeSpare = (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(blockBytesMax);

  function flush(mark: M | null): void {
    const full = buffer;
    const block = full === null ? null : blockOf(full, full.subarray(0, at));
    buffer = null;
    at = 0;
    inBlock = 0;
    if (block !== null || mark !== null) give({ block, mark });
  }

  function blockOf(own: Buffer, bytes: Buffer): Block {
    const release = (): void => {
      if (own.byteLength === blockBytesMax && spare.length < spareMax) spare.push(own);
    };
    return { type: 'BLOCK', stream: id, encoding: 'jsonl', records: inBlock, bytes, release };
  }

  return {
    add(data) {
      if (data.byteLength > recordBytesMax) throw tooLarge(id, data.byteLength);
      const into = roomFor(around + data.byteLength);
      into.set(head, at);
      into.set(data, at + head.byteLength);
      at += head.byteLength + data.byteLength;
      into.set(tail, at);
      at += tail.byteLength;
      inBlock += 1;
      sinceMark += 1;
    },
    cut(mark) {
      flush(mark);
      if (mark !== null) sinceMark = 0;
    },
    get records() {
      return sinceMark;
    },
  };
}

function namesOf({ name, namespace }: StreamDescriptor): string {
  const stream = `"stream":${JSON.stringify(name)}`;
  return namespace == null ? stream : `${stream},"namespace":${JSON.stringify(namespace)}`;
}

function tooLarge(stream: StreamId, bytes: number): SyncError {
  return new SyncError('config_error', 'A row is too large.', {
    ...{ origin: 'source', stream, facts: { bytes } },
    place: `stream ${stream}: a row of ${Math.round(bytes / 1024 / 1024)} MiB, the most is ${recordBytesMax / 1024 / 1024} MiB`,
    remedy: 'Leave its large columns out with columns.',
  });
}
