import {
  SyncError,
  isObject,
  messageTypes,
  stateMessage,
  streamId,
  type JsonObject,
  type Message,
  type StreamId,
} from '../../protocol/index.ts';
import { afterSpace, memberOf, membersOf } from './json-skip.ts';

/** What a parsed line is. BROKEN: it must not be lost in silence, and why it cannot be used. */
export type Line =
  | { readonly type: 'RECORD'; readonly stream: StreamId }
  | { readonly type: 'MESSAGE'; readonly message: Exclude<Message, { type: 'RECORD' }> }
  | { readonly type: 'TEXT'; readonly text: string }
  | { readonly type: 'EMPTY' }
  | { readonly type: 'BROKEN'; readonly message: string };

/** Text lines are cut to this many characters. */
export const textLengthMax = 8 * 1024;

/** Begins the text of a line that is valid JSON and claims to be a message, but lacks what its type requires. */
export const unreadablePrefix = 'Unreadable message from the connector: ';

/** `line` without its line ending. */
export function readLine(line: Buffer): Line {
  const text = line.toString('utf8');
  if (text.trim() === '') return { type: 'EMPTY' };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const record = recordWithoutNumbers(text);
    if (record !== null) return readRecord(record);
    // Rubbish is a log line; a message cut or garbled on its way would be lost data.
    return isBrokenMessage(text)
      ? { type: 'BROKEN', message: 'The connector printed a message that is not valid JSON.' }
      : textLine(text);
  }
  if (!isObject(value)) return textLine(text);
  const type = messageTypes.find((known) => known === value['type']);
  switch (type) {
    case undefined:
      return isRecordInDisguise(value)
        ? { type: 'BROKEN', message: 'The connector printed a record without its message type.' }
        : textLine(text);
    case 'RECORD':
      return readRecord(value);
    case 'STATE':
      return readState(value, line);
    case 'LOG':
    case 'SPEC':
    case 'CONNECTION_STATUS':
    case 'CATALOG':
    case 'TRACE':
    case 'CONTROL':
    case 'DESTINATION_CATALOG':
      return required[type](value)
        ? { type: 'MESSAGE', message: value as unknown as Exclude<Message, { type: 'RECORD' }> }
        : textLine(`${unreadablePrefix}${text}`);
  }
}

const nonNumbers = /"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:NaN|Infinity)/gs;

/**
 * The envelope of a record that is JSON but for `NaN` and `Infinity`, as Python prints them. Its bytes go on as they are: the destination makes
 * such a value null and says so. null: it is no such record.
 */
function recordWithoutNumbers(text: string): JsonObject | null {
  if (!/NaN|Infinity/.test(text)) return null;
  try {
    const value: unknown = JSON.parse(
      text.replace(nonNumbers, (found) => (found.startsWith('"') ? found : 'null')),
    );
    return isObject(value) && value['type'] === 'RECORD' ? value : null;
  } catch {
    return null; // it is broken in another way
  }
}

function textLine(text: string): Line {
  return { type: 'TEXT', text: text.slice(0, textLengthMax) };
}

/** Text that is not JSON, but was meant to be: the beginning of an envelope, or one behind other text. */
function isBrokenMessage(text: string): boolean {
  return (
    /^\s*\{\s*"(?:type|record|state)"/.test(text) ||
    text.includes('"RECORD"') ||
    text.includes('"STATE"')
  );
}

/** A connector that masks secrets in its own output may mask the words of the protocol too. */
function isRecordInDisguise(value: JsonObject): boolean {
  const record = value['record'];
  return (
    Object.values(value).includes('RECORD') ||
    (isObject(record) && 'stream' in record && 'data' in record)
  );
}

function readRecord(value: JsonObject): Line {
  const record = value['record'];
  if (!isObject(record) || !isObject(record['data']))
    return { type: 'BROKEN', message: 'The connector printed a record without data.' };
  const { stream: name, namespace } = record;
  if (typeof name !== 'string' || name === '')
    return { type: 'BROKEN', message: 'The connector printed a record without its stream.' };
  if (namespace !== undefined && namespace !== null && typeof namespace !== 'string')
    return { type: 'BROKEN', message: 'The connector printed a record with a broken namespace.' };
  return { type: 'RECORD', stream: streamId({ name, namespace: namespace ?? null }) };
}

function readState(value: JsonObject, line: Buffer): Line {
  const member = memberOf(membersOf(line, afterSpace(line, 0)), 'state');
  const text = member === undefined ? '' : line.toString('utf8', member.start, member.end);
  try {
    return { type: 'MESSAGE', message: stateMessage(value['state'], text) };
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    return { type: 'BROKEN', message: error.message };
  }
}

const bareMembers: readonly string[] = ['data', 'id', 'sourceStats', 'destinationStats'];

/** A state that a destination printed without its envelope; null: it is none. */
export function readBareState(line: Buffer): Extract<Line, { type: 'MESSAGE' }> | null {
  const text = line.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return null;
    const isTyped = ['STREAM', 'GLOBAL', 'LEGACY'].includes(value['type'] as string);
    const isData =
      value['data'] !== undefined && Object.keys(value).every((key) => bareMembers.includes(key));
    return isTyped || isData
      ? { type: 'MESSAGE', message: stateMessage(value, text.trim()) }
      : null;
  } catch {
    return null; // not JSON, or no state: a log line
  }
}

const logLevels: readonly unknown[] = ['FATAL', 'ERROR', 'WARN', 'INFO', 'DEBUG', 'TRACE'];
const statuses: readonly unknown[] = ['STARTED', 'RUNNING', 'COMPLETE', 'INCOMPLETE'];

/** What each type of message must hold so that the rest of the house can use it. */
const required: Readonly<
  Record<Exclude<Message['type'], 'RECORD' | 'STATE'>, (value: JsonObject) => boolean>
> = {
  LOG: ({ log }) =>
    isObject(log) && typeof log['message'] === 'string' && logLevels.includes(log['level']),
  SPEC: ({ spec }) => isObject(spec) && isObject(spec['connectionSpecification']),
  CONNECTION_STATUS: ({ connectionStatus: answer }) =>
    isObject(answer) && (answer['status'] === 'SUCCEEDED' || answer['status'] === 'FAILED'),
  CATALOG: ({ catalog }) =>
    isObject(catalog) &&
    Array.isArray(catalog['streams']) &&
    catalog['streams'].every(
      (stream: unknown) =>
        isObject(stream) && typeof stream['name'] === 'string' && isObject(stream['json_schema']),
    ),
  TRACE: ({ trace }) => isObject(trace) && isTrace(trace),
  CONTROL: ({ control }) => isObject(control) && control['type'] === 'CONNECTOR_CONFIG',
  DESTINATION_CATALOG: (value) => isObject(value['destination_catalog']),
};

function isTrace(trace: JsonObject): boolean {
  const { error, estimate, stream_status: status } = trace;
  const type: unknown = trace['type'];
  switch (type) {
    case 'ERROR':
      return isObject(error) && typeof error['message'] === 'string';
    case 'ESTIMATE':
      return isObject(estimate) && typeof estimate['name'] === 'string';
    case 'STREAM_STATUS':
      return (
        isObject(status) &&
        isDescriptor(status['stream_descriptor']) &&
        statuses.includes(status['status'])
      );
    case 'ANALYTICS':
      return true;
    default:
      return false;
  }
}

function isDescriptor(value: unknown): boolean {
  return isObject(value) && typeof value['name'] === 'string';
}
