import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, posix, sep } from 'node:path';
import { ownDirectory } from '../../kit/files/template.ts';
import { aborted, configError, fileError } from '../../kit/files-source/errors.ts';
import { compareFiles, type FoundFile, type NamedStats } from '../../kit/files-source/store.ts';
import { asFileError, outside } from './errors.ts';
import { openFile } from './open-file.ts';

/** Entries of all directories below `path`. */
const entriesMax = 1_000_000;
/** Sub-directories inside one another. */
const depthMax = 64;
/** Files whose size and time the system is asked for at once. */
const askedAtOnce = 64;

/** A file, and where it is without symbolic links. */
interface LocalFile extends NamedStats {
  readonly path: string;
}

/**
 * Names of all that may be a file below `root`, in no order. Hidden directories are entered; links are not, nor what the files destination
 * keeps for itself: files wait there that may never count.
 */
export async function namesBelow(root: string, signal: AbortSignal): Promise<readonly string[]> {
  const names: string[] = [];
  const waiting: { readonly name: string; readonly depth: number }[] = [{ name: '', depth: 0 }];
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    if (signal.aborted) throw aborted();
    const { name: parent, depth } = directory;
    for (const entry of await entriesOf(root, parent)) {
      const name = posix.join(parent, entry.name);
      if (entry.isDirectory()) {
        if (entry.name === ownDirectory) continue;
        if (depth + 1 > depthMax) throw tooMuch(name, 'Directories are too deep.', depthMax);
        waiting.push({ name, depth: depth + 1 });
      } else if (entry.isFile() || entry.isSymbolicLink()) names.push(name);
      if (names.length + waiting.length > entriesMax)
        throw tooMuch(parent || '.', 'There are too many files.', entriesMax);
    }
  }
  return names;
}

async function entriesOf(root: string, parent: string): ReturnType<typeof readEntries> {
  try {
    return await readEntries(join(root, parent));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // A sub-directory that was taken away meanwhile holds nothing any more.
    if (code === 'ENOENT' && parent !== '') return [];
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw configError(
        'The directory of the source does not exist.',
        root,
        'Correct path in the config, or create it. The path of a single file goes into a glob.',
      );
    throw asFileError(error, parent || root);
  }
}

const readEntries = (path: string) => readdir(path, { withFileTypes: true });

function tooMuch(file: string, message: string, max: number): Error {
  return fileError(
    'config_error',
    message,
    { file },
    { remedy: 'Choose a smaller directory as path.', facts: { max } },
  );
}

/**
 * The files among the names, ordered by modification time, then name. A link counts under its own name, unless what it names is among
 * them too. Throws when one leads out of `root`.
 */
export async function filesOf(
  root: string,
  names: readonly string[],
  signal: AbortSignal,
): Promise<readonly FoundFile[]> {
  const home = await realpath(root);
  const found = new Map<string, LocalFile>();
  for (let i = 0; i < names.length; i += askedAtOnce) {
    if (signal.aborted) throw aborted();
    const asked = names.slice(i, i + askedAtOnce).map((name) => fileAt(home, name));
    for (const file of await Promise.all(asked)) {
      if (file === null) continue;
      if (!found.has(file.path) || file.path === join(home, file.name)) found.set(file.path, file);
    }
  }
  return [...found.values()]
    .sort(compareFiles)
    .map((file) => ({ ...file, open: (abort) => openFile(file, abort) }));
}

async function fileAt(home: string, name: string): Promise<LocalFile | null> {
  try {
    const named = join(home, name);
    const own = await lstat(named, { bigint: true });
    // No directory on the way is a link: none was entered.
    const path = own.isSymbolicLink() ? await realpath(named) : named;
    const found = path === named ? own : await stat(path, { bigint: true });
    if (!found.isFile()) return null;
    if (!path.startsWith(home.endsWith(sep) ? home : home + sep)) throw outside(name);
    return { name, path, size: Number(found.size), modified: found.mtimeNs };
  } catch (error) {
    // Taken away since it was listed, or a link that leads nowhere: there is nothing to read.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw asFileError(error, name);
  }
}
