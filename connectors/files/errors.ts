import { SyncError, type FailureKind, type JsonObject } from '../../protocol/index.ts';
import { refusalsOf } from '../kit/refuse-config.ts';

/** Where in a file: relative name, line from 1, byte column from 1. */
export interface Spot {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

export interface Told {
  readonly remedy: string;
  /** What a reader of the place needs beside it: `expected 4 cells, got 5`. */
  readonly detail?: string;
  readonly facts?: JsonObject;
  readonly cause?: unknown;
}

/** A failure of one file, with its place. Never holds what a record says. */
export function fileError(
  kind: FailureKind,
  message: string,
  { file, line, column }: Spot,
  { remedy, detail, facts, cause }: Told,
): SyncError {
  const at = [file, line, column].filter((part) => part !== undefined).join(':');
  return new SyncError(kind, message, {
    origin: 'source',
    place: detail === undefined ? at : `${at}: ${detail}`,
    remedy,
    facts: { file, ...(line !== undefined && { line }), ...facts },
    ...(cause !== undefined && { cause }),
  });
}

export const configError = refusalsOf('source');

export function aborted(): SyncError {
  return new SyncError('transient_error', 'The read was stopped on request.', {
    origin: 'tidemark',
    code: 'aborted',
  });
}

/** What the system says of a file or directory, as ours. */
export function asFileError(error: unknown, file: string): unknown {
  if (error instanceof SyncError) return error;
  switch ((error as NodeJS.ErrnoException).code ?? '') {
    case 'ENOENT':
      return fileError(
        'transient_error',
        'A file vanished before it was read.',
        { file },
        {
          remedy: 'Put it back, or leave it away: the next attempt lists the files anew.',
          cause: error,
        },
      );
    case 'EACCES':
    case 'EPERM':
      return fileError(
        'config_error',
        'A file or directory may not be read.',
        { file },
        { remedy: 'Give the worker’s user permission to read it.', cause: error },
      );
    case 'ELOOP':
      return outside(file, error);
    case 'EIO':
    case 'ESTALE':
    case 'ETIMEDOUT':
    case 'EMFILE':
    case 'ENFILE':
      return fileError(
        'transient_error',
        'The system could not read a file.',
        { file },
        { remedy: 'Look at its disk or network share; it is tried again.', cause: error },
      );
    default:
      return error;
  }
}

export function outside(file: string, cause?: unknown): SyncError {
  return fileError(
    'config_error',
    'A symbolic link leads out of the directory of the source.',
    { file },
    {
      remedy:
        'Put the file itself there, take the link away, or name the directory that holds both as path.',
      cause,
    },
  );
}
