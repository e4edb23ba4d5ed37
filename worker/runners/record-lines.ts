import { cdcPrefix, type StreamDescriptor } from '../../protocol/index.ts';
import { afterSpace, memberOf, membersOf, type Member } from '../../engine/scan/json-skip.ts';

/** What is changed in the records of a stream on their way to a destination that reads envelopes itself. */
export interface Rewrite {
  /** The stream's name there; null: its own. */
  readonly to: StreamDescriptor | null;
  /** The fields that are copied, beside those of change data capture; null: all. */
  readonly only: readonly string[] | null;
}

const lineFeed = 0x0a;

/** RECORD lines with the changes. Values are never decoded: their text is the source's, also of those that move. */
export function rewriteLines(bytes: Uint8Array, { to, only }: Rewrite): Buffer {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = only === null ? null : new Set(only);
  const pieces: Buffer[] = [];
  let at = 0;
  while (at < lines.length) {
    const feed = lines.indexOf(lineFeed, at);
    const line = lines.subarray(at, feed < 0 ? lines.length : feed);
    let from = 0;
    for (const { start, end, text } of changesOf(line, to, fields)) {
      pieces.push(line.subarray(from, start), ...text);
      from = end;
    }
    pieces.push(line.subarray(from), newline);
    at += line.length + 1;
  }
  return Buffer.concat(pieces);
}

const newline = Buffer.from('\n');

/** [start, end) of a line gives way to `text`. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly text: readonly Buffer[];
}

function changesOf(
  line: Buffer,
  to: StreamDescriptor | null,
  fields: ReadonlySet<string> | null,
): readonly Change[] {
  const record = memberOf(membersOf(line, afterSpace(line, 0)), 'record')!;
  const members = membersOf(line, record.start);
  const changes: Change[] = [];
  if (to !== null) changes.push(...renamed(record, members, to));
  const data = memberOf(members, 'data');
  if (fields !== null && data !== undefined) changes.push(chosen(line, data, fields));
  return changes.sort((a, b) => a.start - b.start);
}

function renamed(record: Member, members: readonly Member[], to: StreamDescriptor): Change[] {
  const text = (value: unknown): readonly Buffer[] => [Buffer.from(JSON.stringify(value))];
  const name = memberOf(members, 'stream')!;
  const changes = [{ start: name.start, end: name.end, text: text(to.name) }];
  if (!to.namespace) return changes;
  const namespace = memberOf(members, 'namespace');
  if (namespace !== undefined)
    return [...changes, { start: namespace.start, end: namespace.end, text: text(to.namespace) }];
  const start = record.start + 1;
  const first = [Buffer.from(`"namespace":${JSON.stringify(to.namespace)},`)];
  return [...changes, { start, end: start, text: first }];
}

const comma = Buffer.from(',');

function chosen(line: Buffer, data: Member, fields: ReadonlySet<string>): Change {
  const kept = membersOf(line, data.start).filter(
    ({ key }) => fields.has(key) || key.startsWith(cdcPrefix),
  );
  const text = kept.flatMap(({ key, start, end }, i) => [
    ...(i === 0 ? [] : [comma]),
    Buffer.from(`${JSON.stringify(key)}:`),
    line.subarray(start, end),
  ]);
  return { start: data.start + 1, end: data.end - 1, text };
}
