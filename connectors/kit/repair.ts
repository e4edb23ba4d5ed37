import { isUtf8 } from 'node:buffer';
import { memberOf, membersOf, NotJson, skipSpace, tokensOf } from './json-scan.ts';
import { fitsDouble, numeralPattern } from './numbers.ts';

/** What the destination can't take as it is. */
export interface RepairRules {
  /** `keep`: the system reads numbers exactly. `list`: numbers that a double loses are listed beside the record, as text. */
  readonly numbers: 'keep' | 'list';
  /** The system's text can't hold a NUL character. */
  readonly refusesNul: boolean;
}

/** Numerals longer than this, or with an exponent this long, overflow every system's numbers. */
const numeralCharsMax = 10_000;
const exponentCharsMax = 4;
/** Deeper nesting of a value overflows a parser's stack. */
export const depthMax = 1_000;

const escapes = /\\(?:u([0-9a-fA-F]{4})|[^])/g;

/**
 * Rewrites RECORD lines so that a database takes them: a value that it can't take becomes null and is listed in `_tidemark.nulled`; a
 * value whose numbers it would round is listed as text in `_tidemark.exact` (number strings in `_tidemark.digits`). The line count stays.
 * A repaired line stays as it is. Throws NotJson. Numbers are never parsed into values that are written (they are compared only).
 */
export function repairLines(bytes: Uint8Array, rules: RepairRules): Buffer {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const repair = { rules, utf8: isUtf8(buffer) };
  const out: string[] = [];
  const text = buffer.toString('latin1');
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    out.push(repairLine(text.slice(start, end), repair), '\n');
    start = end + 1;
  }
  return Buffer.from(out.join(''), 'latin1');
}

interface Repair {
  readonly rules: RepairRules;
  /** The whole block is valid UTF-8, so that no value need be checked for it. */
  readonly utf8: boolean;
}

/** `line` holds one byte per character. */
function repairLine(line: string, repair: Repair): string {
  const envelope = membersOf(line, skipSpace(line, 0));
  if (memberOf(envelope, '_tidemark') !== undefined) return line;
  const record = memberOf(envelope, 'record');
  if (record === undefined) throw new NotJson();
  const parts = membersOf(line, record.start);
  const data = memberOf(parts, 'data');
  if (data === undefined) throw new NotJson();
  // No name of a column holds a NUL.
  const asName = { ...repair, rules: { ...repair.rules, refusesNul: true } };
  const kept = new Map<string, string>();
  const notes: Notes = { nulled: [], exact: [], digits: [] };
  for (const member of membersOf(line, data.start)) {
    const value = line.slice(member.start, member.end);
    if (!isBroken(member.key, asName))
      kept.set(member.key, judge(member.key, value, repair, notes));
    else if (value !== 'null') notes.nulled.push(cleanText(member.key));
  }
  const rest = ['emitted_at', 'meta'].flatMap((name) => {
    const member = memberOf(parts, name);
    if (member === undefined) return [];
    const value = line.slice(member.start, member.end);
    return isBroken(value, repair) ? [] : [`"${name}":${value}`];
  });
  const body = [...kept].map(([key, value]) => `${key}:${value}`).join(',');
  const written = [`"data":{${body}}`, ...rest].join(',');
  return `{"type":"RECORD","record":{${written}}${writtenNotes(notes)}}`.replaceAll('\r', ' ');
}

interface Notes {
  readonly nulled: string[];
  readonly exact: string[];
  readonly digits: string[];
}

/** Notes a value's troubles and returns what is to be written in its place. */
function judge(key: string, value: string, repair: Repair, notes: Notes): string {
  if (isBroken(value, repair)) {
    notes.nulled.push(key);
    return 'null';
  }
  if (repair.rules.numbers === 'keep') return value;
  if (value.startsWith('"')) {
    const content = value.slice(1, -1);
    if (numeralPattern.test(content) && !fitsDouble(content)) notes.digits.push(`${key}:${value}`);
    return value;
  }
  if (losesDigits(value)) notes.exact.push(`${key}:${jsonString(value)}`);
  return value;
}

function writtenNotes({ nulled, exact, digits }: Notes): string {
  const parts = [
    ...(nulled.length > 0 ? [`"nulled":[${nulled.join(',')}]`] : []),
    ...(exact.length > 0 ? [`"exact":{${exact.join(',')}}`] : []),
    ...(digits.length > 0 ? [`"digits":{${digits.join(',')}}`] : []),
  ];
  return parts.length === 0 ? '' : `,"_tidemark":{${parts.join(',')}}`;
}

const jsonString = (text: string): string =>
  `"${text.replace(/["\\]/g, '\\$&').replace(/[\n\r\t]/g, ' ')}"`;

function losesDigits(value: string): boolean {
  for (const token of tokensOf(value))
    if (numeralPattern.test(token) && !fitsDouble(token)) return true;
  return false;
}

/** A key that no column can be named by, with its trouble replaced, for `_airbyte_meta.changes`. */
function cleanText(key: string): string {
  return JSON.stringify(
    Buffer.from(key.slice(1, -1), 'latin1')
      .toString()
      .replace(/[^\w -]/g, '?'),
  );
}

function isBroken(value: string, { rules, utf8 }: Repair): boolean {
  if (!utf8 && !isUtf8(Buffer.from(value, 'latin1'))) return true;
  if (value.includes('\\u') && hasBrokenEscape(value, rules.refusesNul)) return true;
  return hasBrokenToken(value);
}

/** Half a surrogate pair, or NUL where that is refused. */
function hasBrokenEscape(value: string, refusesNul: boolean): boolean {
  let highEnd = -1;
  for (const match of value.matchAll(escapes)) {
    const [escape, hex] = match;
    if (highEnd >= 0 && match.index !== highEnd) return true;
    const unit = hex === undefined ? -1 : parseInt(hex, 16);
    const isLow = unit >= 0xdc00 && unit <= 0xdfff;
    if (highEnd >= 0 !== isLow) return true;
    if (unit === 0 && refusesNul) return true;
    highEnd = unit >= 0xd800 && unit <= 0xdbff ? match.index + escape.length : -1;
  }
  return highEnd >= 0;
}

function hasBrokenToken(value: string): boolean {
  let depth = 0;
  for (const token of tokensOf(value)) {
    if (token === '{' || token === '[') {
      depth += 1;
      if (depth > depthMax) return true;
    } else if (token === '}' || token === ']') depth -= 1;
    else if (token === 'NaN' || token.endsWith('Infinity')) return true;
    else if (isOverlong(token)) return true;
  }
  return false;
}

function isOverlong(token: string): boolean {
  if (token.length > numeralCharsMax) return true;
  const exponent = /[eE][+-]?0*(\d+)$/.exec(token)?.[1];
  return exponent !== undefined && numeralPattern.test(token) && exponent.length > exponentCharsMax;
}
