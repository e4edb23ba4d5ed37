import type { Logger, LogLevel, LogMetadata } from '@temporalio/common';
import { describeFailure, SyncError } from '../protocol/index.ts';
import type { Redactor } from './redact.ts';
import { logLevels } from './settings.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly redactor: Redactor;
  /** Given whole lines, without the newline. */
  readonly write: (line: string) => void;
}

/** Values are cut at this many characters: a log is for people. */
const valueLengthMax = 2_000;
const causesMax = 5;

/** The SDK's logger: one line an entry (time, level, message, key=value), every line redacted. */
export function createLogger({ level, redactor, write }: LoggerOptions): Logger {
  const severityMin = logLevels.indexOf(level);
  const log = (told: LogLevel, message: string, meta?: LogMetadata): void => {
    const entryLevel = isLifecycle(told, message, meta) ? 'DEBUG' : told;
    if (logLevels.indexOf(entryLevel) < severityMin) return;
    const at = new Date().toISOString();
    // Redacted first: cutting, joining lines and changing quotes would hide a secret from the redactor.
    const pairs = Object.entries(meta ?? {}).map(
      ([key, value]) => `${key}=${quoted(redactor.redact(textOf(value)))}`,
    );
    write([at, entryLevel.padEnd(5), oneLine(redactor.redact(message)), ...pairs].join(' '));
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
  const line = oneLine(text);
  const cut = line.length > valueLengthMax ? `${line.slice(0, valueLengthMax)}…` : line;
  return /^[\w./:@%+-]+$/.test(cut) ? cut : `"${cut.replaceAll('"', "'")}"`;
}

function json(value: unknown): string {
  try {
    return JSON.stringify(value, (_, v: unknown) => (typeof v === 'bigint' ? String(v) : v)) ?? '';
  } catch {
    return '(not writable as JSON)';
  }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\r?\n\s*/g, ' | ');
}
