import { fitsDouble, numeralPattern } from './numbers.ts';

/** Fewer digits than this always survive a double. */
const digitsExact = 15;
/** Longer numerals are not looked at: no system takes them as they are. */
const numeralCharsMax = 300;
const wideExponents = /\d[eE][+-]?\d{3}/g;
const overlongExponent = /[eE][+-]?\d{5}/;
const [newline, quote] = [10, 34];

/** Lines next to each other within their bytes: from `start` to before `end`, with the newline. */
export interface Lines {
  readonly start: number;
  readonly end: number;
}

/**
 * The lines with a number that a double does not hold, alone or as the whole of a string, or with one of the words (`NaN`). In order; lines
 * that follow each other together. A text that only looks like it is a false alarm, which costs time.
 */
export function doubtfulLines(bytes: Uint8Array, words: readonly string[]): readonly Lines[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const starts = new Set<number>();
  const add = (at: number): void => void starts.add(buffer.lastIndexOf(newline, at) + 1);
  for (const word of words)
    for (let at = buffer.indexOf(word); at >= 0; at = buffer.indexOf(word, at + 1)) add(at);
  for (const at of longNumerals(buffer)) if (isDoubtful(buffer, at)) add(at);
  for (const { index } of buffer.toString('latin1').matchAll(wideExponents))
    if (isDoubtful(buffer, index)) add(index);
  return joined(buffer, [...starts]);
}

function joined(buffer: Buffer, starts: readonly number[]): Lines[] {
  const lines: { start: number; end: number }[] = [];
  for (const start of starts.toSorted((a, b) => a - b)) {
    const found = buffer.indexOf(newline, start);
    const end = found < 0 ? buffer.length : found + 1;
    const last = lines.at(-1);
    if (last?.end === start) last.end = end;
    else lines.push({ start, end });
  }
  return lines;
}

/** Bytes that occur in a numeral's digits: 0-9 and the point. */
function isDigit(code: number | undefined): boolean {
  return code !== undefined && ((code >= 48 && code <= 57) || code === 46);
}

/** Where 16 digits and more begin that stand in a row. Looks at every 16th byte: a run that long cannot be stepped over. */
export function* longNumerals(bytes: Uint8Array): Iterable<number> {
  const run = digitsExact + 1;
  for (let i = digitsExact; i < bytes.length; i += run) {
    if (!isDigit(bytes[i])) continue;
    let start = i;
    while (isDigit(bytes[start - 1])) start -= 1;
    let end = i + 1;
    while (isDigit(bytes[end])) end += 1;
    if (end - start >= run) yield start;
    i = Math.max(i, end - 1);
  }
}

const numeralBytes = setOf('0123456789.+-eE');
const before = setOf('" \t\r\n:,[');
const after = setOf('" \t\r\n,}]');

function setOf(text: string): readonly boolean[] {
  const codes = Buffer.from(text, 'latin1');
  return Array.from({ length: 256 }, (_, code) => codes.includes(code));
}

/** Whether the digits at `at` belong to a number, rather than to a text such as a hash, and a double does not hold it. */
function isDoubtful(buffer: Buffer, at: number): boolean {
  let start = at;
  while (start > 0 && numeralBytes[buffer[start - 1]!]!) start -= 1;
  if (start > 0 && !before[buffer[start - 1]!]!) return false;
  let end = at;
  while (end < buffer.length && numeralBytes[buffer[end]!]!) end += 1;
  if (end < buffer.length && !after[buffer[end]!]!) return false;
  // A text that begins or ends with a numeral.
  if ((buffer[start - 1] === quote) !== (buffer[end] === quote)) return false;
  if (end - start > numeralCharsMax) return true;
  const token = buffer.toString('latin1', start, end);
  return !numeralPattern.test(token) || overlongExponent.test(token) || !fitsDouble(token);
}
