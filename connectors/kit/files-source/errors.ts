import { SyncError, type FailureKind, type JsonObject } from '../../../protocol/index.ts';
import { refusalsOf } from '../refuse-config.ts';

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

/** The error, its file named with what it is below of. */
export function located(error: unknown, root: string): unknown {
  const file = error instanceof SyncError ? error.facts?.['file'] : undefined;
  if (root === '' || !(error instanceof SyncError) || typeof file !== 'string') return error;
  const { kind, message, ...options } = error.toFailure();
  return new SyncError(kind, message, {
    ...{ ...options, place: `${root}${error.place ?? file}`, cause: error.cause },
    facts: { ...error.facts, file: `${root}${file}` },
  });
}
