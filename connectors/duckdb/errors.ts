import { SyncError, type FailureKind } from '../../protocol/index.ts';
import { aborted } from '../kit/gather.ts';

const lockHolder = /Conflicting lock is held in .*?\(PID (\d+)\)/;

/** Another process has the file open: its pid, null where DuckDB doesn't say; undefined: another error. */
export function lockHolderOf(error: unknown): number | null | undefined {
  const message = messageOf(error);
  const pid = lockHolder.exec(message)?.[1];
  if (pid !== undefined) return Number(pid);
  return message.includes('Could not set lock on file') ? null : undefined;
}

const known: readonly (readonly [RegExp, FailureKind, string, string?])[] = [
  [
    /not a valid DuckDB database|unsupported|storage version|encrypt/i,
    'config_error',
    'The file is not a DuckDB database that this version can open.',
    'Check path in the config.',
  ],
  [
    /No such file or directory|Is a directory|Permission denied|Read-only file system/,
    'config_error',
    'The DuckDB file could not be opened.',
    'Check path in the config: the directory must exist, and the worker’s user must be able to write there.',
  ],
  [
    /Out of Memory|failed to allocate|memory limit/i,
    'config_error',
    'DuckDB ran out of its memory limit.',
    'Raise memory_limit in the config, or lower the connection’s batch size.',
  ],
  [/No space left/, 'transient_error', 'The disk is full.', 'Make room on the disk.'],
];

/** The one place where the driver's errors become ours. DuckDB's own messages stay in the cause: they may hold values. */
export function asDuckdbError(error: unknown, path: string, abort?: AbortSignal): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const holder = lockHolderOf(error);
  if (holder !== undefined) return locked(path, holder, error);
  const message = messageOf(error);
  const found = known.find(([pattern]) => pattern.test(message));
  if (found === undefined)
    return new SyncError('system_error', 'DuckDB refused a statement.', {
      origin: 'destination',
      place: path,
      remedy: 'See the worker’s log for its message, and report it.',
      cause: error,
    });
  const [, kind, text, remedy] = found;
  return new SyncError(kind, text, {
    origin: 'destination',
    place: path,
    ...(remedy !== undefined && { remedy }),
    cause: error,
  });
}

function locked(path: string, pid: number | null, cause: unknown): SyncError {
  return new SyncError('transient_error', 'Another process has the DuckDB file open.', {
    origin: 'destination',
    place: pid === null ? path : `${path}, pid ${pid}`,
    remedy:
      'Close it there; a process that only reads can open the file with read_only between commits.',
    ...(pid !== null && { facts: { pid } }),
    cause,
  });
}

export function unusablePath(path: string, message: string, remedy: string): SyncError {
  return new SyncError('config_error', message, { origin: 'destination', place: path, remedy });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
