/** Finds the ends of JSON values in bytes without decoding them. The bytes must be valid JSON; only the structure is looked at. */

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const closingBrace = 0x7d;

/**
 * The index of the bracket that closes the object or array which `at` lies in, outside its strings. -1: not before `end`.
 * The kinds of brackets are not told apart.
 */
export function closeOf(bytes: Uint8Array, at: number, end: number): number {
  let depth = 1;
  let i = at;
  while (i < end) {
    const byte = bytes[i]!;
    i += 1;
    if (byte === quote) {
      i = afterString(bytes, i, end);
      continue;
    }
    // `[` and `]` differ from `{` and `}` by this bit only.
    const bracket = byte | 0x20;
    if (bracket === 0x7b) depth += 1;
    else if (bracket === 0x7d) {
      depth -= 1;
      if (depth === 0) return i - 1;
    }
  }
  return -1;
}

/** The index after the closing quote of the string which `at` lies in; `end` or more when there is none. */
function afterString(bytes: Uint8Array, at: number, end: number): number {
  let i = at;
  while (i < end) {
    const byte = bytes[i];
    i += 1;
    if (byte === quote) return i;
    if (byte === backslash) i += 1;
  }
  return i;
}

export interface Member {
  /** Decoded. */
  readonly key: string;
  /** Where its value's text is: [start, end). */
  readonly start: number;
  readonly end: number;
}

/** The members of the object that opens at `at`, in order, repeated keys included. */
export function membersOf(bytes: Buffer, at: number): readonly Member[] {
  const members: Member[] = [];
  let i = afterSpace(bytes, at + 1);
  while (i < bytes.length && bytes[i] !== closingBrace) {
    const keyEnd = afterString(bytes, i + 1, bytes.length);
    const key = JSON.parse(bytes.toString('utf8', i, keyEnd)) as string;
    const start = afterSpace(bytes, afterSpace(bytes, keyEnd) + 1);
    const end = afterValue(bytes, start);
    members.push({ key, start, end });
    i = afterSpace(bytes, end);
    if (bytes[i] === comma) i = afterSpace(bytes, i + 1);
  }
  return members;
}

/** The member that `JSON.parse` keeps: the last of its key. */
export function memberOf(members: readonly Member[], key: string): Member | undefined {
  return members.findLast((member) => member.key === key);
}

function afterValue(bytes: Buffer, at: number): number {
  const byte = bytes[at]!;
  if (byte === quote) return afterString(bytes, at + 1, bytes.length);
  if ((byte | 0x20) === 0x7b) return closeOf(bytes, at + 1, bytes.length) + 1;
  let i = at;
  while (i < bytes.length && !isDelimiter(bytes[i]!)) i += 1;
  return i;
}

function isDelimiter(byte: number): boolean {
  return byte === comma || (byte | 0x20) === 0x7d || isSpace(byte);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** The index of the first byte at or after `at` that is no JSON white space. */
export function afterSpace(bytes: Buffer, at: number): number {
  let i = at;
  while (isSpace(bytes[i])) i += 1;
  return i;
}
