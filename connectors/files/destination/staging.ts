import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { compareEpochs, type Epoch } from '../../../protocol/index.ts';
import { placedPaths, stagedNames, type Manifest } from '../../kit/files/manifest.ts';
import type { Layout } from './layout.ts';
import { inside, syncDirectory } from './place.ts';

const intentEnding = '.intent';

/**
 * Says durably which paths a commit is about to make or remove. Whoever finds it later removes those that the manifest does not name: that
 * is all a commit can leave behind, and nothing of anybody else is touched. The lock must be held.
 */
export async function writeIntent(
  layout: Layout,
  connectionId: string,
  paths: readonly string[],
): Promise<string> {
  const name = join(layout.staging, `${layout.prefix(connectionId)}commit${intentEnding}`);
  const file = await open(name, 'w', 0o600);
  try {
    await file.writeFile(JSON.stringify(paths));
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(layout.staging);
  return name;
}

/** Removes what the connection's commits left behind that the manifest does not name. The lock must be held. */
export async function settleIntents(layout: Layout, manifest: Manifest): Promise<void> {
  const prefix = layout.prefix(manifest.connection.id);
  const names = await readdir(layout.staging);
  const intents = names.filter((name) => name.startsWith(prefix) && name.endsWith(intentEnding));
  if (intents.length === 0) return;
  const named = placedPaths(manifest);
  for (const intent of intents) {
    const path = join(layout.staging, intent);
    for (const one of pathsIn(await readFile(path, 'utf8')))
      if (!named.has(one)) await rm(inside(layout.root, one), { force: true });
    await rm(path, { force: true });
  }
}

/** An intent that was cut off by a crash was never acted upon. */
function pathsIn(text: string): readonly string[] {
  try {
    return JSON.parse(text) as readonly string[];
  } catch {
    return [];
  }
}

/** Removes what the connection's earlier writers staged and the manifest does not name; other connections are left alone. */
export async function sweepStaging(
  layout: Layout,
  manifest: Manifest,
  epoch: Epoch,
): Promise<void> {
  const prefix = layout.prefix(manifest.connection.id);
  const named = stagedNames(manifest);
  for (const name of await readdir(layout.staging)) {
    if (!name.startsWith(prefix) || named.has(name)) continue;
    const [syncNo, at] = name.slice(prefix.length).split('-').map(Number);
    if (compareEpochs({ syncNo: syncNo ?? 0, at: at ?? 0 }, epoch) < 0)
      await rm(join(layout.staging, name), { force: true, recursive: true });
  }
}
