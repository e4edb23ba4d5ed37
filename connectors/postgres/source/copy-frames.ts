import { SyncError } from '../../../protocol/index.ts';
import { recordBytesMax } from '../../kit/tables-source/records.ts';

/** A message's type and its length, which counts itself but not the type. */
const headerBytes = 5;
const copyData = 0x64;
/** A row of COPY with the fields beside its data. */
const frameBytesMax = recordBytesMax + 1024 * 1024;
const signature = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
/** Beside the signature: flags, and the length of an extension that there is none of. */
const preambleBytes = signature.byteLength + 8;

/** A row's fields; null: SQL NULL. Valid as long as it is held. */
export type CopyRow = readonly (Buffer | null)[];

/** Takes what the server sends while it copies out in binary, in pieces of any size. */
export interface CopyFrames {
  take(chunk: Buffer): void;
}

export interface FramesOptions {
  row(this: void, fields: CopyRow): void;
  /** Whole messages of any other kind: they are the driver's. */
  other(this: void, message: Buffer): void;
}

/** Splits messages by their lengths alone: nothing of a row is decoded. */
export function createCopyFrames({ row, other }: FramesOptions): CopyFrames {
  /** The beginning of a message. */
  let partial: Buffer | null = null;
  let filled = 0;
  let isFirst = true;

  /** A whole one, within more. */
  function message(bytes: Buffer, from: number, to: number): void {
    if (bytes[from] !== copyData) return other(bytes.subarray(from, to));
    const data = from + headerBytes;
    const begins = isFirst && bytes.subarray(data, to).indexOf(signature) === 0;
    isFirst = false;
    rowsIn(bytes, data + (begins ? preambleBytes : 0), to);
  }

  function rowsIn(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at < to;) {
      const count = bytes.readInt16BE(at);
      at += 2;
      if (count < 0) return; // the end
      const fields: (Buffer | null)[] = [];
      for (let i = 0; i < count; i += 1) {
        const length = bytes.readInt32BE(at);
        at += 4;
        fields.push(length < 0 ? null : bytes.subarray(at, at + length));
        at += Math.max(length, 0);
      }
      row(fields);
    }
  }

  /** Adds to the message that is not whole; answers how much of the chunk it took. */
  function complete(chunk: Buffer): number {
    const own = partial!;
    const took = chunk.copy(own, filled);
    filled += took;
    if (filled < own.byteLength) return took;
    // A header alone says how long the message is.
    const whole = own.byteLength === headerBytes ? lengthOf(own, 0) : own.byteLength;
    if (whole > own.byteLength) {
      partial = Buffer.allocUnsafeSlow(whole);
      own.copy(partial);
      return took;
    }
    partial = null;
    message(own, 0, own.byteLength);
    return took;
  }

  function begin(rest: Buffer): void {
    const isHeaded = rest.byteLength >= headerBytes;
    partial = Buffer.allocUnsafeSlow(isHeaded ? lengthOf(rest, 0) : headerBytes);
    filled = rest.copy(partial);
  }

  return {
    take(chunk) {
      let at = 0;
      while (at < chunk.byteLength) {
        if (partial !== null) {
          at += complete(at === 0 ? chunk : chunk.subarray(at));
          continue;
        }
        const left = chunk.byteLength - at;
        const length = left < headerBytes ? Infinity : lengthOf(chunk, at);
        if (length > left) return begin(chunk.subarray(at));
        message(chunk, at, at + length);
        at += length;
      }
    },
  };
}

/** Of the message at a place, with its type. Invariant 7. */
function lengthOf(bytes: Buffer, at: number): number {
  const length = bytes.readInt32BE(at + 1) + 1;
  if (length <= frameBytesMax) return length;
  throw new SyncError('config_error', 'A row is too large.', {
    origin: 'source',
    place: `a row of ${Math.round(length / 1024 / 1024)} MiB, the most is ${recordBytesMax / 1024 / 1024} MiB`,
    remedy: 'Leave its large columns out with columns.',
    facts: { bytes: length },
  });
}
