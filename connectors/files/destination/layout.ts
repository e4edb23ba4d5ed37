import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { shortHash } from '../../kit/identifiers.ts';
import { safeName } from '../../kit/files/names.ts';
import { refusedConfig } from '../../kit/files/refused.ts';
import { ownDirectory } from '../../kit/files/template.ts';
import { codeOf } from './errors.ts';
import { syncDirectory } from './place.ts';

const prefixHashLength = 16;

/** Where things are in the destination's directory. */
export interface Layout {
  readonly root: string;
  /** Tidemark's own. */
  readonly own: string;
  /** Parts that are not committed, generations that are not complete, intents. On the same file system as the rest. */
  readonly staging: string;
  readonly lock: string;
  manifest(connectionId: string): string;
  /** Names in the staging directory of this connection begin so. */
  prefix(connectionId: string): string;
}

export function layoutOf(root: string): Layout {
  const own = join(root, ownDirectory);
  return {
    ...{ root, own, staging: join(own, 'staging'), lock: join(own, 'lock') },
    manifest: (id) => join(own, `${safeName(id)}.json`),
    prefix: (id) => `${shortHash(id, prefixHashLength)}-`,
  };
}

/** Makes the directories that are missing, but not the one that holds the root: a path with a mistake in it shall be told. */
export async function makeDirectories({ root, own, staging }: Layout): Promise<void> {
  const found = await stat(root).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (found !== null && !found.isDirectory())
    throw refusedConfig('The path is no directory.', root, 'Name a directory as path.');
  if (found === null) await make(root, 0o777);
  await make(own, 0o777);
  // Other people's programs find nothing to read in there.
  await make(staging, 0o700);
  await syncDirectory(own);
  await syncDirectory(root);
}

async function make(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}
