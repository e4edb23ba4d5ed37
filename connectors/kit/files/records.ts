import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { isObject, type JsonObject, type StreamId } from '../../../protocol/index.ts';
import { memberOf, membersOf, NotJson, skipSpace, type Member } from '../json-scan.ts';
import { repairLines, type RepairRules } from '../repair.ts';
import { unreadableRecord } from '../targets.ts';

/** JSON has numbers of any length; what is not JSON, and text that is not Unicode, becomes null. */
const rules: RepairRules = { numbers: 'keep', refusesNul: false };
/** Numbers that are none or overflow all readers, and half characters. */
const doubtful = /NaN|Infinity|\\u[dD][89a-fA-F]|\d[eE][+-]?\d{5}/;
const readBytes = 1024 * 1024;

/** A record, in a text with one character a byte. */
export interface RecordText {
  /** The JSON text of the object that the source sent. */
  readonly data: string;
  /** Its keys' raw text is as in `data`; for their names only. */
  readonly parsed: JsonObject;
  /** JSON text; null: the source gave none. */
  readonly emittedAt: string | null;
  /** The source's own entries of `_airbyte_meta.changes`: JSON texts between commas. */
  readonly changes: string;
  /** JSON texts of the keys whose values became null, since no reader would take them. */
  readonly nulled: readonly string[];
}

/** The staged records of a part, some at a time, in their order. Throws what the source is to be told. */
export async function* recordsOf(
  file: string,
  stream: StreamId,
): AsyncGenerator<readonly RecordText[]> {
  try {
    for await (const bytes of wholeLines(file)) yield recordsIn(bytes);
  } catch (error) {
    // The cause would hold the record.
    if (error instanceof NotJson || error instanceof SyntaxError) throw unreadableRecord(stream);
    throw error;
  }
}

function recordsIn(bytes: Buffer): RecordText[] {
  const text = bytes.toString('latin1');
  const isClean = isUtf8(bytes) && !doubtful.test(text);
  const records: RecordText[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(start, end);
    records.push(recordIn(isClean ? line : repaired(line)));
    start = end + 1;
  }
  return records;
}

/** Where nothing had to be mended the line stays as it was, byte by byte. */
function repaired(line: string): string {
  const bytes = Buffer.from(line, 'latin1');
  if (isUtf8(bytes) && !doubtful.test(line)) return line;
  const mended = repairLines(bytes, rules).toString('latin1');
  const isMended = memberOf(membersOf(mended, 0), '_tidemark') !== undefined || !isUtf8(bytes);
  return isMended ? mended.slice(0, -1) : line;
}

function recordIn(line: string): RecordText {
  // Only to refuse what is no JSON: no value of a record comes from it.
  const parsed = JSON.parse(line) as { record?: { data?: JsonObject } };
  const data = parsed.record?.data;
  const envelope = membersOf(line, skipSpace(line, 0));
  const record = memberOf(envelope, 'record');
  if (record === undefined || !isObject(data)) throw new NotJson();
  const parts = membersOf(line, record.start);
  const textOf = (members: readonly Member[], name: string): string | null => {
    const member = memberOf(members, name);
    return member === undefined ? null : line.slice(member.start, member.end);
  };
  const meta = memberOf(parts, 'meta');
  const isMeta = meta !== undefined && line[meta.start] === '{';
  const changes = isMeta ? textOf(membersOf(line, meta.start), 'changes') : null;
  const notes = memberOf(envelope, '_tidemark');
  const nulled = notes === undefined ? null : textOf(membersOf(line, notes.start), 'nulled');
  return {
    data: textOf(parts, 'data')!,
    parsed: data,
    emittedAt: textOf(parts, 'emitted_at'),
    changes: changes?.startsWith('[') === true ? changes.slice(1, -1).trim() : '',
    nulled: nulled === null ? [] : stringsIn(nulled),
  };
}

/** The texts of the strings in a list of nothing else. */
const stringsIn = (list: string): string[] => list.match(/"(?:[^"\\]|\\.)*"/g) ?? [];

/** A file's bytes in pieces that end with a line; a piece is some MiB, or one longer line. */
export async function* wholeLines(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  for await (const chunk of createReadStream(file, { highWaterMark: readBytes })) {
    const bytes = chunk as Buffer;
    const end = bytes.lastIndexOf(10) + 1;
    if (end > 0) {
      yield Buffer.concat([...rest, bytes.subarray(0, end)]);
      rest = [];
    }
    if (end < bytes.byteLength) rest.push(Buffer.from(bytes.subarray(end)));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}
