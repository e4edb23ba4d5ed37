import { constants } from 'node:fs';
import { copyFile, link, lstat, mkdir, open, realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { Placing } from '../../kit/files/plan-commit.ts';
import { refusedConfig } from '../../kit/files/refused.ts';
import { codeOf } from './errors.ts';

/** Makes what was written in a directory (names, not contents) outlive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  await syncFile(path);
}

export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The absolute path, which is never outside of the directory. */
export function inside(root: string, path: string): string {
  const absolute = join(root, path);
  if (absolute.startsWith(root + sep)) return absolute;
  throw leadsOut(absolute);
}

/** Refuses what would take the place of somebody else's file. */
export async function refuseTaken(root: string, placings: readonly Placing[]): Promise<void> {
  for (const { path } of placings) {
    const target = inside(root, path);
    const isFree = await lstat(target).then(
      () => false,
      (error: unknown) => codeOf(error) === 'ENOENT',
    );
    if (!isFree)
      throw refusedConfig(
        'A file that Tidemark did not write stands where one of its files belongs.',
        target,
        'Move it away, or set another template in the config.',
      );
  }
}

/** Makes the directories of files that are to be placed; returns all on the way to them. None lies outside, also behind a link. */
export async function makePlaces(
  root: string,
  placings: readonly Placing[],
): Promise<ReadonlySet<string>> {
  const made = new Set<string>([root]);
  const realRoot = await realpath(root);
  for (const { path } of placings) {
    let directory = root;
    for (const name of path.split('/').slice(0, -1)) {
      directory = join(directory, name);
      if (made.has(directory)) continue;
      await mkdir(directory, { recursive: true });
      const real = await realpath(directory);
      if (!real.startsWith(realRoot + sep)) throw leadsOut(directory);
      made.add(directory);
    }
  }
  return made;
}

/**
 * Puts files into their places, durably. They are linked, not moved: until the manifest names them, the staging directory has them too, so
 * that a crash takes nothing away.
 */
export async function placeFiles(
  { root, staging }: { readonly root: string; readonly staging: string },
  placings: readonly Placing[],
  directories: ReadonlySet<string>,
): Promise<void> {
  for (const { staged, path } of placings)
    await linkOrCopy(join(staging, staged), inside(root, path));
  if (placings.length > 0) for (const directory of directories) await syncDirectory(directory);
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    // Not every file system has hard links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(codeOf(error)))
      throw error;
    await copyFile(from, to, constants.COPYFILE_EXCL);
    await syncFile(to);
  }
}

const leadsOut = (place: string): Error =>
  refusedConfig(
    'A path leads out of the directory of the destination.',
    place,
    'Take the symbolic link away, or name the directory that it leads to as path.',
  );
