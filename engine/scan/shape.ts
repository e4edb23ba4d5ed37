import type { StreamId } from '../../protocol/index.ts';
import { afterSpace, closeOf, memberOf, membersOf, type Member } from './json-skip.ts';

const closingBrace = 0x7d;

/** Bytes to compare with, as little-endian words of four, the last of which may overlap the one before. */
interface Literal {
  readonly bytes: Buffer;
  readonly words: Int32Array;
  readonly lastWord: number;
}

/** Literals with a number between each two: the one thing in an envelope that changes from record to record. */
type Pattern = readonly Literal[];

/** Envelopes with these bytes after the record's data belong to this stream. */
interface Tail {
  readonly text: string;
  readonly pattern: Pattern;
  readonly stream: StreamId;
}

interface Head {
  readonly text: string;
  readonly pattern: Pattern;
  /** Most recently used first. */
  readonly tails: Tail[];
}

/**
 * Envelopes of RECORD messages already seen, by their bytes around `data`. What a match proves, for any line that is valid JSON: all bytes
 * up to the brace that opens the data and all bytes from the brace that closes it are those of a line that was parsed, but for the digits
 * of `emitted_at`. So type, stream and namespace are that line's too, wherever they stand and however they are written.
 */
export interface Shapes {
  /** The stream of the line [at, end), or undefined when it must be parsed. `view` is of the same bytes. */
  match(bytes: Buffer, view: DataView, at: number, end: number): StreamId | undefined;
  /** Remembers the envelope of a line that parsed as a RECORD of the stream. */
  learn(line: Buffer, stream: StreamId): void;
}

/** Remembered heads, and tails a head; the least recently used is forgotten. More streams than this in turns are parsed each time. */
const headsMax = 64;
const tailsMax = 64;
/** Longer envelopes are not worth remembering. */
const envelopeBytesMax = 4096;

export function createShapes(): Shapes {
  const heads: Head[] = [];

  return {
    match(bytes, view, at, end) {
      for (let i = 0; i < heads.length; i += 1) {
        const head = heads[i]!;
        const data = afterPattern(head.pattern, bytes, view, at, end);
        if (data < 0) continue;
        if (i > 0) toFront(heads, i);
        return matchTail(head.tails, bytes, view, data, end);
      }
      return undefined;
    },
    learn(line, stream) {
      const envelope = envelopeOf(line);
      if (envelope === undefined) return;
      const found = heads.findIndex((head) => head.text === envelope.head);
      const head: Head = heads[found] ?? {
        text: envelope.head,
        pattern: envelope.headPattern,
        tails: [],
      };
      if (found < 0) remember(heads, head, headsMax);
      if (head.tails.some((tail) => tail.text === envelope.tail)) return;
      remember(
        head.tails,
        { text: envelope.tail, pattern: envelope.tailPattern, stream },
        tailsMax,
      );
    },
  };
}

function matchTail(
  tails: Tail[],
  bytes: Buffer,
  view: DataView,
  data: number,
  end: number,
): StreamId | undefined {
  // Flat data: no brace before this one, in a string or not, so it is the one that closes the data.
  const first = bytes.indexOf(closingBrace, data);
  if (first < 0 || first >= end) return undefined;
  const flat = tailAt(tails, bytes, view, first, end);
  if (flat !== undefined) return flat;
  // Else the brace must be found by counting: without that, a member between data and tail (a namespace) would be taken for data.
  const close = closeOf(bytes, data, end);
  if (close <= first) return undefined;
  return tailAt(tails, bytes, view, close, end);
}

function tailAt(
  tails: Tail[],
  bytes: Buffer,
  view: DataView,
  at: number,
  end: number,
): StreamId | undefined {
  for (let i = 0; i < tails.length; i += 1) {
    const tail = tails[i]!;
    if (afterPattern(tail.pattern, bytes, view, at, end) !== end) continue;
    if (i > 0) toFront(tails, i);
    return tail.stream;
  }
  return undefined;
}

/** The index after the pattern, or -1 when [at, end) does not begin with it. */
function afterPattern(
  pattern: Pattern,
  bytes: Buffer,
  view: DataView,
  at: number,
  end: number,
): number {
  let i = at;
  for (let n = 0; n < pattern.length; n += 1) {
    if (n > 0) {
      i = afterDigits(bytes, i, end);
      if (i < 0) return -1;
    }
    const literal = pattern[n]!;
    const { length } = literal.bytes;
    if (i + length > end || !equals(literal, bytes, view, i)) return -1;
    i += length;
  }
  return i;
}

function equals(literal: Literal, bytes: Buffer, view: DataView, at: number): boolean {
  const { words } = literal;
  const { length } = literal.bytes;
  if (length < 4) {
    for (let i = 0; i < length; i += 1) if (bytes[at + i] !== literal.bytes[i]) return false;
    return true;
  }
  for (let i = 0; i < words.length; i += 1)
    if (view.getInt32(at + i * 4, true) !== words[i]) return false;
  return view.getInt32(at + length - 4, true) === literal.lastWord;
}

/** The index after a run of digits, or -1 when there is none. */
function afterDigits(bytes: Buffer, at: number, end: number): number {
  let i = at;
  while (i < end && bytes[i]! >= 0x30 && bytes[i]! <= 0x39) i += 1;
  return i === at ? -1 : i;
}

interface Envelope {
  readonly head: string;
  readonly headPattern: Pattern;
  readonly tail: string;
  readonly tailPattern: Pattern;
}

/** undefined: an envelope that no other line may be judged by. */
function envelopeOf(line: Buffer): Envelope | undefined {
  // The last of a repeated key, as the parser takes it; the others are among the bytes compared.
  const record = memberOf(membersOf(line, afterSpace(line, 0)), 'record');
  const members = record === undefined ? [] : membersOf(line, record.start);
  const data = memberOf(members, 'data');
  if (data === undefined) return undefined;
  const dataEnd = data.end - 1;
  if (data.start + line.length - dataEnd > envelopeBytesMax) return undefined;
  const emitted = memberOf(members, 'emitted_at');
  const head = split(line, 0, data.start + 1, emitted);
  const tail = split(line, dataEnd, line.length, emitted);
  return {
    head: textOf(head),
    headPattern: head.map(literalOf),
    tail: textOf(tail),
    tailPattern: tail.map(literalOf),
  };
}

function split(line: Buffer, start: number, end: number, number: Member | undefined): Buffer[] {
  const copy = (from: number, to: number): Buffer => Buffer.from(line.subarray(from, to));
  if (number === undefined || number.start < start || number.end > end) return [copy(start, end)];
  const digits = line.toString('latin1', number.start, number.end);
  if (!/^\d+$/.test(digits)) return [copy(start, end)];
  return [copy(start, number.start), copy(number.end, end)];
}

/** One text for the literals; a line feed, which no line holds, stands for the number. */
function textOf(literals: readonly Buffer[]): string {
  return literals.map((literal) => literal.toString('latin1')).join('\n');
}

function literalOf(bytes: Buffer): Literal {
  const words = Int32Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readInt32LE(i * 4));
  const lastWord = bytes.length < 4 ? 0 : bytes.readInt32LE(bytes.length - 4);
  return { bytes, words, lastWord };
}

function remember<T>(list: T[], item: T, max: number): void {
  list.unshift(item);
  if (list.length > max) list.pop();
}

function toFront<T>(list: T[], index: number): void {
  const [item] = list.splice(index, 1);
  if (item !== undefined) list.unshift(item);
}
