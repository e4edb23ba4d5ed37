import { membersOf, NotJson, skipSpace, stringOf, type Member } from './json-scan.ts';
import { admits } from './tables.ts';
import { unreadableRecord, type Target } from './targets.ts';

type Choice = Pick<Target, 'stream' | 'only'>;

/**
 * RECORD lines with those fields of their data alone that a person chose. What stays is the source's text, byte by byte. Throws what the
 * source is to be told.
 */
export function chosenLines(bytes: Uint8Array, target: Choice): Uint8Array {
  if (target.only === null) return bytes;
  // One character a byte.
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  let chosen = '';
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline + 1;
    chosen += chosenLine(text.slice(start, end), target);
    start = end;
  }
  return Buffer.from(chosen, 'latin1');
}

function chosenLine(line: string, target: Choice): string {
  try {
    return withChosen(line, target);
  } catch (error) {
    // The cause would hold the record.
    if (error instanceof NotJson || error instanceof SyntaxError)
      throw unreadableRecord(target.stream);
    throw error;
  }
}

function withChosen(line: string, target: Choice): string {
  const record = find(membersOf(line, skipSpace(line, 0)), 'record');
  const data = record && find(membersOf(line, record.start), 'data');
  // What is no record is told by whoever reads it.
  if (data === undefined || line[data.start] !== '{') return line;
  const kept = membersOf(line, data.start)
    .filter(({ key }) => admits(target, stringOf(key)))
    .map(({ key, start, end }) => `${key}:${line.slice(start, end)}`);
  return `${line.slice(0, data.start)}{${kept.join(',')}}${line.slice(data.end)}`;
}

const find = (members: readonly Member[], name: string): Member | undefined =>
  members.findLast(({ key }) => stringOf(key) === name);
