import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { OpenInput } from '../../../protocol/index.ts';
import { emptyManifest, type Manifest } from '../../kit/files/manifest.ts';
import { longestPath, planOpening, type Opening } from '../../kit/files/opening.ts';
import { takeOver } from '../../kit/files/owners.ts';
import { planTargets, type Target } from '../../kit/files/targets.ts';
import type { Settings } from './config.ts';
import { makeDirectories, type Layout } from './layout.ts';
import { withLock } from './lock.ts';
import { readManifest, replaceManifest } from './manifest.ts';
import { settleIntents, sweepStaging } from './staging.ts';

/** The connection's manifest, opened by a writer: its fence is set, and what earlier writers left is swept. */
export async function openManifest(
  layout: Layout,
  settings: Settings,
  input: OpenInput,
  abort: AbortSignal,
): Promise<Opening & { readonly targets: readonly Target[] }> {
  const { catalog, connection, epoch } = input;
  // Before anything is made: a catalog that can't be written is told first.
  planTargets(catalog, {}, settings.template);
  await makeDirectories(layout);
  return withLock(layout.lock, abort, async () => {
    const found = (await readManifest(layout.manifest(connection.id))) ?? emptyManifest(input);
    const wanted = planTargets(catalog, found.streams, settings.template);
    const { mine, theirs } = takeOver(found, await othersOf(layout, connection.id), input, wanted);
    const targets = planTargets(catalog, mine.streams, settings.template);
    for (const target of targets) longestPath(settings, target);
    const opening = planOpening(mine, input, targets, settings.format);
    // What the other left half done is settled by its own manifest, which still names its files.
    for (const { before } of theirs) await settleIntents(layout, before);
    await replaceManifest(layout, opening.manifest);
    for (const { after } of theirs) await replaceManifest(layout, after);
    await settleIntents(layout, opening.manifest);
    await sweepStaging(layout, opening.manifest, epoch);
    return { ...opening, targets };
  });
}

async function othersOf(layout: Layout, connectionId: string): Promise<Manifest[]> {
  const others: Manifest[] = [];
  for (const name of await readdir(layout.own)) {
    const path = join(layout.own, name);
    if (!name.endsWith('.json') || path === layout.manifest(connectionId)) continue;
    const manifest = await readManifest(path);
    if (manifest !== null) others.push(manifest);
  }
  return others;
}
