import { open, readFile, rename } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { manifestOf, manifestText, type Manifest } from '../../kit/files/manifest.ts';
import { codeOf } from './errors.ts';
import type { Layout } from './layout.ts';
import { syncDirectory } from './place.ts';

/** null: there is none. */
export async function readManifest(path: string): Promise<Manifest | null> {
  try {
    return manifestOf(await readFile(path, 'utf8'), path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Replaces it as a whole: after a crash the old one is there, or the new one. The lock must be held. */
export async function replaceManifest(layout: Layout, manifest: Manifest): Promise<void> {
  const path = layout.manifest(manifest.connection.id);
  const text = manifestText(manifest, path);
  const draft = join(layout.staging, `${basename(path)}.new`);
  const file = await open(draft, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncDirectory(layout.own);
}
