import { isUtf8 } from 'node:buffer';
import { SyncError, type StreamId } from '../../../protocol/index.ts';
import { nestsDeeper } from '../depth.ts';
import {
  eachMember,
  keyText,
  memberOf,
  membersOf,
  NotJson,
  skipSpace,
  skipValue,
  type TakeMember,
} from '../json-scan.ts';
import { depthMax, repairLines, type RepairRules } from '../repair.ts';
import { unreadableRecord } from '../targets.ts';

const rules: RepairRules = { numbers: 'keep', refusesNul: false };

/** A record, its values as the JSON texts that stand there: numbers are never parsed. */
export interface RawRecord {
  readonly fields: ReadonlyMap<string, string>;
  readonly emittedAt: string | null;
  /** Its source's entries for `_airbyte_meta.changes`: what is between the brackets. */
  readonly changes: string;
  /** Fields whose values no system takes; they are null here. */
  readonly broken: readonly string[];
}

/** The records of whole RECORD lines, as many as were said. Invariant 6. Throws what the source is to be told. */
export function recordsSaid(bytes: Uint8Array, stream: StreamId, said: number): RawRecord[] {
  const records = recordsOf(bytes, stream);
  if (records.length === said) return records;
  throw new SyncError('system_error', 'A block does not hold the records it says.', {
    origin: 'tidemark',
    code: 'counts_disagree',
    stream,
    facts: { said, found: records.length },
  });
}

/** Whatever their number. */
export function recordsOf(bytes: Uint8Array, stream: StreamId): RawRecord[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!isSuspicious(buffer)) {
    const records = attempt(buffer);
    if (records !== null) return records;
  }
  try {
    const repaired = repairLines(bytes, rules);
    const records = attempt(repaired);
    if (records !== null) return records;
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
  }
  throw unreadableRecord(stream);
}

/** Half a surrogate pair, a NUL in a key, bytes that are no text, brackets that overflow a stack. False alarms cost time only. */
const isSuspicious = (buffer: Buffer): boolean =>
  !isUtf8(buffer) ||
  doubtfulEscape.test(buffer.toString('latin1')) ||
  nestsDeeper(buffer, depthMax);
const doubtfulEscape = /\\u(?:0000|[dD][89a-fA-F])/;

/** null: some line is no JSON, or says NaN. */
function attempt(buffer: Buffer): RawRecord[] | null {
  const text = buffer.toString('utf8');
  const records: RawRecord[] = [];
  try {
    for (let start = 0; start < text.length;) {
      const newline = text.indexOf('\n', start);
      const end = newline < 0 ? text.length : newline;
      records.push(recordOf(text.slice(start, end)));
      start = end + 1;
    }
    return records;
  } catch (error) {
    if (error instanceof NotJson || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** What stands in a line's `record`; of a key that is there twice, the last. */
interface Parts {
  fields: Map<string, string> | null;
  emittedAt: string | null;
  changes: string;
}

function recordOf(line: string): RawRecord {
  // The scan below takes what it finds between brackets and commas for a value.
  JSON.parse(line);
  let parts = noParts();
  let broken: readonly string[] = [];
  eachMember(line, skipSpace(line, 0), (key, start) => {
    if (key === '"record"') {
      parts = noParts();
      if (line[start] === '{') return eachMember(line, start, partTaker(line, parts));
    } else if (key === '"_tidemark"') broken = brokenIn(line, start);
    return skipValue(line, start);
  });
  const { fields, emittedAt, changes } = parts;
  if (fields === null) throw new NotJson();
  return { fields, emittedAt, changes, broken };
}

const noParts = (): Parts => ({ fields: null, emittedAt: null, changes: '' });

/** In one go: a record's data are most of its line. */
const partTaker =
  (line: string, parts: Parts): TakeMember =>
  (key, start) => {
    if (key === '"data"') {
      const fields = new Map<string, string>();
      parts.fields = line[start] === '{' ? fields : null;
      if (parts.fields !== null) return eachMember(line, start, fieldTaker(line, fields));
    }
    const end = skipValue(line, start);
    if (key === '"emitted_at"') parts.emittedAt = line.slice(start, end);
    else if (key === '"meta"') parts.changes = changesIn(line, start);
    return end;
  };

const fieldTaker =
  (line: string, fields: Map<string, string>): TakeMember =>
  (key, start) => {
    const end = skipValue(line, start);
    fields.set(keyText(key), line.slice(start, end));
    return end;
  };

function changesIn(line: string, meta: number): string {
  if (line[meta] !== '{') return '';
  const changes = memberOf(membersOf(line, meta), 'changes');
  if (changes === undefined || line[changes.start] !== '[') return '';
  return line.slice(changes.start + 1, changes.end - 1).trim();
}

function brokenIn(line: string, at: number): readonly string[] {
  const nulled = memberOf(membersOf(line, at), 'nulled');
  return nulled === undefined ? [] : (JSON.parse(line.slice(nulled.start, nulled.end)) as string[]);
}
