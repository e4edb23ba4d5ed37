import { SyncError } from '../../../protocol/index.ts';
import { fileError } from '../../kit/files-source/errors.ts';

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
