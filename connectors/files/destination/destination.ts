import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import type { LoaderDestination } from '../../../protocol/index.ts';
import { filesTargetSpec, settingsOf, type FilesTargetConfig } from './config.ts';
import { asTargetError } from './errors.ts';
import { layoutOf, makeDirectories } from './layout.ts';
import { FilesLoader } from './loader.ts';
import { withLock } from './lock.ts';
import { syncDirectory } from './place.ts';

/** Makes the directories, and takes the lock: a directory with a file in it, as every commit writes. */
async function check(config: FilesTargetConfig, signal: AbortSignal): Promise<void> {
  const layout = layoutOf(settingsOf(config).root);
  try {
    await makeDirectories(layout);
    await access(layout.root, constants.W_OK);
    await access(layout.staging, constants.W_OK);
    await withLock(layout.lock, signal, () => syncDirectory(layout.own));
  } catch (error) {
    throw asTargetError(error, layout.root, signal);
  }
}

/** Local files, exactly once by a manifest. See docs/connectors.md. */
export const filesDestination: LoaderDestination<FilesTargetConfig> = {
  spec: filesTargetSpec,
  guarantee: {
    delivery: 'exactly once',
    because:
      'a manifest, replaced in one step behind a fence, holds the checkpoints and names the files that count',
    verifiedOn: 'a local file system on Linux',
  },
  check,
  loader: (config) => new FilesLoader(config),
};
