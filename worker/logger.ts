import type { Logger, LogLevel, LogMetadata } from '@temporalio/common';
import { describeFailure, SyncError } from '../protocol/index.ts';
import type { Redactor } from './redact.ts';
import { logLevels, type LogFormat } from './settings.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** Absent: text. */
  readonly format?: LogFormat;
  readonly redactor: Redactor;
  /** Given whole lines, without the newline. */
  readonly write: (line: string) => void;
}

/** Values are cut at this many characters: a log is for people. */
const valueLengthMax = 2_000;
const causesMax = 5;

/** The SDK's logger: one line an entry (time, level, message, then key=value, or one JSON object), every line redacted. */
export function createLogger({ level, format = 'text', redactor, write }: LoggerOptions): Logger {
  const severityMin = logLevels.indexOf(level);
  const log = (told: LogLevel, message: string, meta?: LogMetadata): void => {
    const entryLevel = isLifecycle(told, message, meta) ? 'DEBUG' : told;
    if (logLevels.indexOf(entryLevel) < severityMin) return;
    const time = new Date().toISOString();
    const entry = { time, level: entryLevel, message, meta: meta ?? {} };
    write(format === 'json' ? jsonLine(entry, redactor) : textLine(entry, redactor));
  };
  return {
    log,
    trace: (message, meta) => log('TRACE', message, meta),
    debug: (message, meta) => log('DEBUG', message, meta),
    info: (message, meta) => log('INFO', message, meta),
    warn: (message, meta) => log('WARN', message, meta),
    error: (message, meta) => log('ERROR', message, meta),
  };
}

interface Entry {
  readonly time: string;
  readonly level: LogLevel;
  readonly message: string;
  readonly meta: LogMetadata;
}

function textLine({ time, level, message, meta }: Entry, redactor: Redactor): string {
  // Redacted first: cutting, joining lines and changing quotes would hide a secret from the redactor.
  const pairs = Object.entries(meta).map(
    ([key, value]) => `${key}=${quoted(redactor.redact(textOf(value)))}`,
  );
  return [time, level.padEnd(5), oneLine(redactor.redact(message)), ...pairs].join(' ');
}

/** A field cannot take the place of the entry's own three. */
function jsonLine({ time, level, message, meta }: Entry, redactor: Redactor): string {
  const fields = Object.entries(meta).map(([key, value]) => [
    key === 'time' || key === 'level' || key === 'message' ? `${key}_` : key,
    jsonField(value, redactor),
  ]);
  const own = { time, level, message: redactor.redact(message) };
  return JSON.stringify({ ...own, ...Object.fromEntries(fields) });
}

/** Redacted both as it is and as JSON, in which a secret may look otherwise. What holds a secret, or is too long, becomes a text. */
function jsonField(value: unknown, redactor: Redactor): unknown {
  if (typeof value === 'string' || value instanceof Error)
    return cut(redactor.redact(textOf(value)));
  const text = json(value, (one) => redactor.redact(one));
  const safe = redactor.redact(text);
  if (safe !== text || safe.length > valueLengthMax) return cut(safe);
  return text === unwritable || text === '' ? text : (JSON.parse(text) as unknown);
}

/** What the SDK says of each of a process's four workers whenever one starts or stops; that activity workers have no workflows is meant so. */
function isLifecycle(level: LogLevel, message: string, meta: LogMetadata | undefined): boolean {
  if (meta?.['sdkComponent'] !== 'worker') return false;
  return level === 'INFO' || (level === 'WARN' && message.startsWith('No workflows registered'));
}

/** Any thrown value in one line for people, with its causes; a defect with where it arose. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  let at: unknown = error;
  for (let i = 0; i < causesMax && at !== undefined && at !== null; i += 1) {
    parts.push(describeOne(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return parts.join('; caused by ');
}

function describeOne(error: unknown): string {
  if (error instanceof SyncError) return describeFailure(error.toFailure());
  if (!(error instanceof Error)) return String(error);
  const frame = error.stack?.split('\n').find((line) => /^\s+at /.test(line));
  return `${error.name}: ${error.message}${frame === undefined ? '' : ` (${frame.trim()})`}`;
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  return value instanceof Error ? describeError(value) : json(value);
}

function quoted(text: string): string {
  const line = cut(oneLine(text));
  return /^[\w./:@%+-]+$/.test(line) ? line : `"${line.replaceAll('"', "'")}"`;
}

function cut(text: string): string {
  return text.length > valueLengthMax ? `${text.slice(0, valueLengthMax)}…` : text;
}

const unwritable = '(not writable as JSON)';

/** `map` is given each text in the value. */
function json(value: unknown, map: (text: string) => string = (text) => text): string {
  const replaced = (_: string, one: unknown): unknown => {
    if (typeof one === 'bigint') return String(one);
    return typeof one === 'string' ? map(one) : one;
  };
  try {
    return JSON.stringify(value, replaced) ?? '';
  } catch {
    return unwritable;
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\r?\n\s*/g, ' | ');
}
