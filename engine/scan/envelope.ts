import { afterSpace, memberOf, membersOf, type Member } from './json-skip.ts';

/** One or two literals; between two stands a number, the one thing in an envelope that changes from record to record. */
export type Pattern = readonly Buffer[];

/** What surrounds a record's `data` in its line: up to the brace that opens it, and from the brace that closes it. */
export interface Envelope {
  readonly head: Pattern;
  readonly tail: Pattern;
}

/** Longer envelopes are not worth remembering. */
export const envelopeBytesMax = 4096;

/** The envelope of a line that parsed as a RECORD; undefined: no other line may be judged by it. */
export function envelopeOf(line: Buffer): Envelope | undefined {
  // The last of a repeated key, as the parser takes it; the others are among the bytes compared.
  const record = memberOf(membersOf(line, afterSpace(line, 0)), 'record');
  const members = record === undefined ? [] : membersOf(line, record.start);
  const data = memberOf(members, 'data');
  if (data === undefined) return undefined;
  const dataEnd = data.end - 1;
  if (data.start + line.length - dataEnd > envelopeBytesMax) return undefined;
  const emitted = memberOf(members, 'emitted_at');
  return {
    head: split(line, 0, data.start + 1, emitted),
    tail: split(line, dataEnd, line.length, emitted),
  };
}

function split(line: Buffer, start: number, end: number, number: Member | undefined): Pattern {
  const whole = [line.subarray(start, end)];
  if (number === undefined || number.start < start || number.end > end) return whole;
  const digits = line.toString('latin1', number.start, number.end);
  if (!/^\d+$/.test(digits)) return whole;
  return [line.subarray(start, number.start), line.subarray(number.end, end)];
}

/** One text for the literals; a line feed, which no line holds, stands for the number. */
export function patternKey(pattern: Pattern): string {
  return pattern.map((literal) => literal.toString('latin1')).join('\n');
}
