import {
  SyncError,
  type Block,
  type Encoding,
  type StreamDescriptor,
  type StreamId,
} from '../../../protocol/index.ts';

/** Blocks are ended at about this size, bytes. */
export const blockBytesMax = 128 * 1024;
/** A record's data, bytes as they are written. */
export const recordBytesMax = 64 * 1024 * 1024;
/** Buffers that are kept for the next blocks. */
const spareMax = 8;

/** A block, and what was said of it when it was cut off. */
export interface MarkedBlock<M> {
  readonly block: Block | null;
  readonly mark: M | null;
}

/** What is written around each record's data. */
export interface Envelope {
  readonly encoding: Encoding;
  readonly head: Buffer;
  readonly tail: Buffer;
}

/** Puts the data of records, undecoded and without newlines, into blocks. */
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
  /** Absent: the data is JSON, and goes into RECORD envelopes. */
  readonly envelope?: Envelope;
  give(this: void, block: MarkedBlock<M>): void;
}

export function createRecords<M>({ id, give, ...options }: RecordsOptions<M>): Records<M> {
  const { encoding, head, tail } = options.envelope ?? jsonEnvelope(options);
  // Between two records, in one piece: the last of a block is cut off.
  const between = Buffer.concat([tail, head]);
  const spare: Buffer[] = [];
  let buffer: Buffer | null = null;
  let at = 0;
  let inBlock = 0;
  let sinceMark = 0;

  function roomFor(bytes: number): Buffer {
    if (buffer !== null && at + bytes > buffer.byteLength) flush(null);
    if (buffer !== null) return buffer;
    const whole = head.byteLength + bytes;
    buffer = whole > blockBytesMax ? Buffer.allocUnsafeSlow(whole) : takeSpare();
    buffer.set(head);
    at = head.byteLength;
    return buffer;
  }

  const takeSpare = (): Buffer => spare.pop() ?? Buffer.allocUnsafeSlow(blockBytesMax);

  function flush(mark: M | null): void {
    const full = buffer;
    const block = full === null ? null : blockOf(full, full.subarray(0, at - head.byteLength));
    buffer = null;
    at = 0;
    inBlock = 0;
    if (block !== null || mark !== null) give({ block, mark });
  }

  function blockOf(own: Buffer, bytes: Buffer): Block {
    const release = (): void => {
      if (own.byteLength === blockBytesMax && spare.length < spareMax) spare.push(own);
    };
    return { type: 'BLOCK', stream: id, encoding, records: inBlock, bytes, release };
  }

  return {
    add(data) {
      if (data.byteLength > recordBytesMax) throw tooLarge(id, data.byteLength);
      const into = roomFor(data.byteLength + between.byteLength);
      into.set(data, at);
      at += data.byteLength;
      into.set(between, at);
      at += between.byteLength;
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

function jsonEnvelope<M>({ stream, emittedAt }: Omit<RecordsOptions<M>, 'id' | 'give'>): Envelope {
  return {
    encoding: 'jsonl',
    head: Buffer.from(`{"type":"RECORD","record":{${namesOf(stream)},"data":`),
    tail: Buffer.from(`,"emitted_at":${emittedAt}}}\n`),
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
