import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StreamId } from '../../../protocol/index.ts';
import { planCommit, type Commit } from '../../kit/files/plan-commit.ts';
import type { Layout } from './layout.ts';
import { readManifest, replaceManifest } from './manifest.ts';
import { makePlaces, placeFiles, refuseTaken } from './place.ts';
import { settleIntents, writeIntent } from './staging.ts';

/**
 * The commit itself; returns the streams that it published. The manifest decides: files that it does not name yet, or no longer names, are
 * written down in an intent first, so that whoever comes after a crash knows them. The lock must be held. Invariants 1 and 3.
 */
export async function applyCommit(layout: Layout, commit: Commit): Promise<readonly StreamId[]> {
  const { id } = commit.input.connection;
  const found = await readManifest(layout.manifest(id));
  const { manifest, placing, removing, published } = planCommit(found, commit);
  // A commit of this writer that failed half-way.
  await settleIntents(layout, found!);
  const directories = await makePlaces(layout.root, placing);
  await refuseTaken(layout.root, placing);
  const paths = [...placing.map(({ path }) => path), ...removing];
  if (paths.length > 0) await writeIntent(layout, id, paths);
  await placeFiles(layout, placing, directories);
  await replaceManifest(layout, manifest);
  // Committed. What can't be tidied up now is by the next commit or open.
  await settleIntents(layout, manifest).catch(() => undefined);
  await Promise.allSettled(
    placing.map(({ staged }) => rm(join(layout.staging, staged), { force: true })),
  );
  return published;
}
