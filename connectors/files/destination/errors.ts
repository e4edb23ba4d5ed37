import { SyncError, type FailureKind } from '../../../protocol/index.ts';
import { aborted } from '../../kit/gather.ts';

export const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

const known: Readonly<Record<string, readonly [FailureKind, string, string]>> = {
  ENOSPC: ['transient_error', 'The disk is full.', 'Make room on the disk.'],
  EDQUOT: ['transient_error', 'The disk quota is used up.', 'Make room, or raise the quota.'],
  EROFS: [
    'config_error',
    'The directory is on a file system that is read-only.',
    'Name another directory as path in the config.',
  ],
};
const refused = [
  'config_error',
  'The directory of the destination cannot be written.',
  'Give the worker’s user permission to read and write there, or name another directory as path in the config.',
] as const;
const missing = [
  'config_error',
  'A directory or file that the destination needs does not exist.',
  'Check path in the config: the directory that holds it must exist, and what lies in _tidemark must not be taken away.',
] as const;
const broken = [
  'transient_error',
  'The system could not read or write a file.',
  'Look at the disk or network share; it is tried again.',
] as const;

function kindOf(code: string): readonly [FailureKind, string, string] | undefined {
  if (['EACCES', 'EPERM'].includes(code)) return refused;
  if (['ENOENT', 'ENOTDIR', 'EISDIR', 'EEXIST'].includes(code)) return missing;
  if (['EIO', 'ESTALE', 'ETIMEDOUT', 'EMFILE', 'ENFILE', 'EBUSY'].includes(code)) return broken;
  return known[code];
}

/** The one place where the system's errors become ours. */
export function asTargetError(error: unknown, root: string, abort?: AbortSignal): SyncError {
  if (abort?.aborted === true) return aborted();
  if (error instanceof SyncError) return error;
  const [kind, message, remedy] = kindOf(codeOf(error)) ?? [
    'system_error',
    'The files could not be written.',
    'See the worker’s log for the cause, and report it.',
  ];
  // `instanceof Error` is not asked: a test's realm has another.
  const { path } = error as NodeJS.ErrnoException;
  return new SyncError(kind, message, {
    origin: 'destination',
    place: typeof path === 'string' ? path : root,
    remedy,
    cause: error,
  });
}
