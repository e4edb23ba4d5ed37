import {
  isObject,
  parsesExactly,
  streamId,
  type JsonObject,
  type StreamDescriptor,
} from '../../protocol/index.ts';
import type { ScanItem } from '../../engine/scan/scanner.ts';
import { memberOf, membersOf } from '../../engine/scan/json-skip.ts';

/** What the scanner must find, one entry a line, however it groups records. */
export type Seen =
  | { readonly record: string; readonly stream: string }
  | { readonly message: unknown; readonly exact: string | null }
  | { readonly text: string };

/** The scanner's items, taken apart into lines. Throws unless counts and line endings are right. */
export function seen(items: Iterable<ScanItem>): Seen[] {
  const list: Seen[] = [];
  for (const item of items) {
    if (item.type === 'TEXT') list.push({ text: item.text });
    else if (item.type === 'MESSAGE') {
      const exact = 'exact' in item.message ? (item.message.exact ?? null) : null;
      const { type } = item.message;
      const payload = type === 'STATE' ? item.message.state : item.message;
      list.push({ message: { type, payload }, exact });
    } else {
      const text = Buffer.from(item.bytes).toString('utf8');
      if (!text.endsWith('\n')) throw new Error('A run does not end in a line feed.');
      const lines = text.slice(0, -1).split('\n');
      if (lines.length !== item.records) throw new Error('A run has a wrong count.');
      list.push(...lines.map((record) => ({ record, stream: item.stream })));
    }
  }
  return list;
}

/** The same, told line by line by JSON.parse. For lines that hold no broken message. */
export function reference(stdout: string): Seen[] {
  return stdout
    .split('\n')
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line.trim() !== '')
    .map(referenceLine);
}

function referenceLine(line: string): Seen {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return { text: line };
  }
  if (!isObject(value)) return { text: line };
  const type = value['type'];
  if (type === 'RECORD') {
    const record = value['record'] as JsonObject;
    const descriptor = { name: record['stream'], namespace: record['namespace'] };
    return { record: line, stream: streamId(descriptor as unknown as StreamDescriptor) };
  }
  if (type === 'STATE') {
    const bytes = Buffer.from(line);
    const at = memberOf(membersOf(bytes, 0), 'state')!;
    const text = bytes.toString('utf8', at.start, at.end);
    const payload = value['state'];
    return { message: { type, payload }, exact: parsesExactly(text) ? null : text };
  }
  if (type === 'TRACE' && !isObject(value['trace']))
    return { text: `Unreadable message from the connector: ${line}` };
  if (typeof type === 'string' && type !== 'HELLO')
    return { message: { type, payload: value }, exact: null };
  return { text: line };
}
