import { SyncError } from '../../../protocol/index.ts';
import { recordBytesMax } from '../../kit/tables-source/records.ts';

/** A message's type and its length, which counts itself but not the type. */
const headerBytes = 5;
const copyData = 0x64;
/** A row of COPY with the fields beside its data. */
const frameBytesMax = recordBytesMax + 1024 * 1024;

/** Takes what the server sends while it copies out, in pieces of any size. */
export interface CopyFrames {
  take(chunk: Buffer): void;
}

/** Takes what one message of a COPY holds: the bytes from one place to another. */
export type CopyData = (bytes: Buffer, from: number, to: number) => void;

export interface FramesOptions {
  readonly data: CopyData;
  /** Whole messages of any other kind: they are the driver's. */
  other(this: void, message: Buffer): void;
}

/** Splits messages by their lengths alone: nothing of a row is decoded. */
export function createCopyFrames({ data, other }: FramesOptions): CopyFrames {
  /** The beginning of a message. */
  let partial: Buffer | null = null;
  let filled = 0;

  /** A whole one, within more. */
  function message(bytes: Buffer, from: number, to: number): void {
    if (bytes[from] !== copyData) return other(bytes.subarray(from, to));
    data(bytes, from + headerBytes, to);
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
