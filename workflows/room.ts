import { SyncError, type FailureOrigin } from '../protocol/index.ts';
import { packedLength } from './data-converter.ts';

// What Temporal has room for. Its server takes 2 MiB in one payload, and a connection travels in one: as the answer of a query, and from each
// run of its workflow to the next. A state that made that too large would stop the connection for ever, so it is refused before it gets there.

/** `textBytes`: as JSON, which is what it takes in memory, several times over. `packedBytes`: compressed, which is what the server sees. */
export interface Size {
  readonly textBytes: number;
  readonly packedBytes: number;
}

const mebibyte = 1024 * 1024;

/** All states of a connection together, with their counts; one of them is no larger. */
export const statesMax: Size = { textBytes: 16 * mebibyte, packedBytes: mebibyte };
/** A connection's spec. What is left of the payload is for its last syncs and what is pending. */
export const specMax: Size = { textBytes: 16 * mebibyte, packedBytes: mebibyte / 2 };
/** What a probe answers. */
export const answerMax: Size = { textBytes: 16 * mebibyte, packedBytes: mebibyte };

/** A text is compressed only if it may be too large. */
function sizeOf(text: string, max: Size): Size {
  const textBytes = Buffer.byteLength(text);
  const isSmall = textBytes <= max.packedBytes || textBytes > max.textBytes;
  return { textBytes, packedBytes: isSmall ? textBytes : packedLength(text) };
}

const isIn = (size: Size, max: Size): boolean =>
  size.textBytes <= max.textBytes && size.packedBytes <= max.packedBytes;

/** `text`: JSON. */
export function fits(text: string, max: Size): boolean {
  return isIn(sizeOf(text, max), max);
}

export interface Oversized {
  /** A constant sentence. */
  readonly message: string;
  readonly origin: FailureOrigin;
  readonly place?: string;
  readonly stream?: string;
  readonly remedy: string;
}

/** Throws a config_error with the figures when the text is too large. Answers the compressed size, or an upper bound of it. */
export function refuseOversized(text: string, max: Size, told: Oversized): number {
  const size = sizeOf(text, max);
  if (isIn(size, max)) return size.packedBytes;
  const { message, place, ...options } = told;
  const figures = figuresOf(size, max);
  throw new SyncError('config_error', message, {
    ...options,
    place: place === undefined ? figures : `${place}: ${figures}`,
    facts: {
      bytes: size.textBytes,
      bytesMax: max.textBytes,
      ...(size.textBytes <= max.textBytes && {
        compressedBytes: size.packedBytes,
        compressedBytesMax: max.packedBytes,
      }),
    },
  });
}

function figuresOf(size: Size, max: Size): string {
  if (size.textBytes > max.textBytes)
    return `${mebibytes(size.textBytes)} of JSON, at most ${mebibytes(max.textBytes)}`;
  return `${mebibytes(size.packedBytes)} compressed (${mebibytes(size.textBytes)} of JSON), at most ${mebibytes(max.packedBytes)}`;
}

const mebibytes = (bytes: number): string => `${(bytes / mebibyte).toFixed(2)} MiB`;
