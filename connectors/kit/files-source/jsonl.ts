import { isUtf8 } from 'node:buffer';
import { SyncError } from '../../../protocol/index.ts';
import { blockBytesMax, modifiedField, urlField, type Envelope } from './envelope.ts';
import { fileError } from './errors.ts';
import { notUtf8, notUtf8Error, type Found, type TextFormat } from './text.ts';
import type { Window } from './window.ts';

const [newline, tab, carriageReturn, space] = [10, 9, 13, 32];

/** One JSON object a line. Lines are checked and go on as the bytes they are; blank ones are stepped over. */
export function jsonlFormat(file: string, envelope: Envelope): TextFormat {
  return {
    find(window, recordsMax, ended) {
      const tail = envelope.tail(Date.now());
      const out: string[] = [];
      let records = 0;
      let size = 0;
      let at = 0;
      let line = window.lines + 1;
      while (records < recordsMax && size < blockBytesMax) {
        const next = lineAt(window.bytes, at, ended);
        if (next === null) break;
        if (next.from < next.to) {
          const object = objectIn(window, next, { file, line });
          if (object instanceof SyncError) return found(out, records, at, object);
          const record = wrapped(object, envelope, tail);
          out.push(record);
          size += record.length;
          records += 1;
        }
        at = next.end;
        line += 1;
      }
      return found(out, records, at, null);
    },
  };
}

const found = (
  out: readonly string[],
  records: number,
  bytes: number,
  failure: SyncError | null,
): Found => ({ text: out.join(''), records, bytes, failure });

interface Line {
  /** Without white space around it. */
  readonly from: number;
  readonly to: number;
  /** After its newline. */
  readonly end: number;
}

const isSpace = (c: number | undefined): boolean =>
  c === space || c === tab || c === carriageReturn;

/** null: the window ends before the line does, or there is none. */
function lineAt(bytes: Buffer, at: number, ended: boolean): Line | null {
  const cut = bytes.indexOf(newline, at);
  if (cut < 0 && (!ended || at === bytes.byteLength)) return null;
  let [from, to] = [at, cut < 0 ? bytes.byteLength : cut];
  while (from < to && isSpace(bytes[from])) from += 1;
  while (to > from && isSpace(bytes[to - 1])) to -= 1;
  return { from, to, end: cut < 0 ? bytes.byteLength : cut + 1 };
}

interface Place {
  readonly file: string;
  readonly line: number;
}

interface LineObject {
  /** One character a byte. */
  readonly text: string;
  /** It has one of our columns itself: a copy of a record of ours. It keeps its own. */
  readonly hasOurs: boolean;
}

function objectIn(
  { bytes }: Window,
  { from, to, end }: Line,
  place: Place,
): LineObject | SyncError {
  const line = bytes.subarray(from, to);
  if (!isUtf8(line))
    return notUtf8Error(
      place.file,
      place.line,
      from + notUtf8(line) + 1,
      'Convert the file: iconv -f WINDOWS-1252 -t UTF-8 (or from whatever it is in).',
    );
  try {
    // Only to prove that it is JSON: a line goes on as its bytes, so that numbers stay as they are written.
    const value: unknown = JSON.parse(line.toString());
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { text: line.toString('latin1'), hasOurs: hasOurColumns(value) };
    return noObject(place, Array.isArray(value) ? 'a list' : 'a bare value');
  } catch (cause) {
    return notJson(place, line, { isLast: end === to && end === bytes.byteLength, cause });
  }
}

const hasOurColumns = (value: object): boolean =>
  Object.hasOwn(value, urlField) || Object.hasOwn(value, modifiedField);

function wrapped({ text, hasOurs }: LineObject, { head, columns }: Envelope, tail: string): string {
  const members = text.slice(1, -1);
  if (hasOurs) return head + members + tail;
  const comma = /^[ \t\r]*$/.test(members) ? '' : ',';
  return head + members + comma + columns + tail;
}

function noObject({ file, line }: Place, what: string): SyncError {
  return fileError(
    'config_error',
    'A line of a JSONL file is no JSON object.',
    { file, line },
    {
      detail: `it is ${what}`,
      remedy:
        'A JSONL file holds one object a line. Choose another format for the stream, or convert the file.',
    },
  );
}

function notJson(
  { file, line }: Place,
  bytes: Buffer,
  { isLast, cause }: { isLast: boolean; cause: unknown },
): SyncError {
  const at = /at position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
  const column = (at === undefined ? bytes.toString().length : Number(at)) + 1;
  if (isLast)
    return fileError(
      'transient_error',
      'The last line of a JSONL file is not whole.',
      { file, line, column },
      {
        remedy:
          'If the file is still being written, it is tried again; write a line and its newline in one piece. Else complete the line or take it away.',
      },
    );
  const isPretty = /^[{[]$/.test(bytes.toString('latin1'));
  return fileError(
    'config_error',
    'A line of a JSONL file is not valid JSON.',
    { file, line, column },
    {
      remedy: isPretty
        ? 'Its objects go over several lines: write each on one line (jq -c . does).'
        : 'Correct the line; what is before it stays read.',
    },
  );
}
