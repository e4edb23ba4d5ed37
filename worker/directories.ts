import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, isAbsolute } from 'node:path';
import { SyncError, type FailureOrigin, type JsonObject } from '../protocol/index.ts';
import { fileName, type ConnectorsFile } from './connectors-file.ts';
import { mapLeaves } from './schema.ts';

/** The keyword by which a native connector's spec marks a string as a path on the worker's machine. */
export const pathKeyword = 'x-path';

export interface Confinement {
  readonly connector: string;
  readonly file: ConnectorsFile;
  readonly origin: FailureOrigin;
}

/**
 * The config with every path absolute and free of symbolic links, relative ones taken from the directory of connectors.yaml. Throws a
 * config_error unless each lies in one of the `directories` that connectors.yaml lists, also after its symbolic links are followed.
 */
export function confinePaths(
  config: JsonObject,
  schema: JsonObject,
  confinement: Confinement,
): JsonObject {
  return mapLeaves(config, schema, ({ value, path, schemas }) => {
    if (typeof value !== 'string' || !schemas.some((s) => s[pathKeyword] === true)) return value;
    return confine(value, path, confinement);
  });
}

function confine(given: string, at: string, confinement: Confinement): string {
  const { connector, file, origin } = confinement;
  const refuse = (message: string, remedy: string): SyncError =>
    new SyncError('config_error', message, {
      origin,
      place: `${connector} ${at}: ${given.slice(0, 300)}`,
      remedy,
      facts: { connector, path: at },
    });
  // A letter before the colon is a drive, more are a scheme.
  if (given === '' || given.includes('\0') || /^[a-z][a-z0-9+.-]+:/i.test(given))
    throw refuse(
      'A connector config holds something else than a local path.',
      `Give ${at} the path of a local file.`,
    );
  const real = realPath(resolve(file.directory, given));
  if (real === null)
    throw refuse(
      'A path of a connector config cannot be followed.',
      'Make every directory on the way to it readable, and remove symbolic links that lead nowhere.',
    );
  if (file.directories.some((directory) => isInside(real, directory))) return real;
  const allowed = file.directories.length === 0 ? 'none yet' : file.directories.join(', ');
  throw refuse(
    'A connector config names a path outside the directories that it may touch.',
    `Choose a path inside them (${allowed}), or list another under directories in ${fileName(file)} and restart the worker.`,
  );
}

function isInside(real: string, directory: string): boolean {
  const root = realPath(directory);
  if (root === null) return false;
  const way = relative(root, real);
  return way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}

/** The path without symbolic links; what does not exist yet is kept as named. null: a link that leads nowhere, or no access. */
function realPath(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || isLink(path)) return null;
  }
  const parent = dirname(path);
  if (parent === path) return path;
  const realParent = realPath(parent);
  return realParent === null ? null : join(realParent, basename(path));
}

/** True for a link that leads nowhere: whoever creates the file through it would create it elsewhere. */
function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}
