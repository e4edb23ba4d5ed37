import { setTimeout as sleep } from 'node:timers/promises';
import {
  SyncError,
  type Checkpoint,
  type OpenInput,
  type StreamId,
} from '../../../protocol/index.ts';
import { emptyManifest, objectPaths, type Manifest } from '../../kit/files/manifest.ts';
import { longestPath, planOpening } from '../../kit/files/opening.ts';
import { takeOver } from '../../kit/files/owners.ts';
import { planTargets, type Target } from '../../kit/files/targets.ts';
import type { Settings } from './config.ts';
import { sweepIntents, type Intents } from './intents.ts';
import { refuseLongKey, type Layout } from './layout.ts';
import { readManifest, replaceManifest, type Held } from './manifest.ts';
import type { Store } from './store.ts';

/** Rounds in which somebody else was quicker; each goes by in a few requests. */
export const roundsMax = 10;
const pauseMsMax = 500;

export interface Place {
  readonly store: Store;
  readonly layout: Layout;
  readonly intents: Intents;
}

export interface Opened {
  /** The manifest under this writer's fence. */
  readonly held: Held;
  readonly checkpoints: readonly Checkpoint[];
  readonly targets: readonly Target[];
}

/** Opens the connection's manifest for a writer: its fence is set, and what fenced writers left is swept. */
export async function openManifest(
  place: Place,
  settings: Settings,
  input: OpenInput,
): Promise<Opened> {
  // Before anything is asked: a catalog that can't be written is told first.
  planTargets(input.catalog, {}, settings.template);
  /** Taken over in a round that came to nothing, since the other connection wrote meanwhile. */
  const undone = new Set<StreamId>();
  for (let round = 0; round < roundsMax; round += 1) {
    const opened = await tryOpen(place, settings, input, undone);
    if (opened !== null) return opened;
    await pause();
  }
  throw contended(place.store.place(place.layout.manifest(input.connection.id)));
}

/** null: another wrote between reading and writing. */
async function tryOpen(
  { store, layout, intents }: Place,
  settings: Settings,
  input: OpenInput,
  undone: Set<StreamId>,
): Promise<Opened | null> {
  const { catalog, connection, epoch } = input;
  const key = layout.manifest(connection.id);
  const read = await readManifest(store, key);
  const found = without(read?.manifest ?? emptyManifest(input), undone);
  const others = await othersOf(store, layout, key);
  const wanted = planTargets(catalog, found.streams, settings.template);
  const { mine, theirs } = takeOver(found, [...others.keys()], input, wanted);
  const targets = planTargets(catalog, mine.streams, settings.template);
  for (const target of targets) refuseLongKey(layout.key(longestPath(settings, target)));
  const { manifest, held: checkpoints } = planOpening(mine, input, targets, settings.format);
  // A generation that was not completed before the next began.
  const kept = objectPaths(manifest);
  const removing = [...objectPaths(found)].filter((path) => !kept.has(path)).map(layout.key);
  if (removing.length > 0) await intents.announce({ placing: [], removing });
  const held = await replaceManifest(store, key, { manifest, etag: read?.etag ?? null });
  if (held === null) return null;
  for (const { before, after } of theirs) {
    const { key: theirKey, etag } = others.get(before)!;
    if ((await replaceManifest(store, theirKey, { manifest: after, etag })) !== null) continue;
    // What it wrote meanwhile is to be taken over too: from the beginning.
    for (const id of Object.keys(mine.streams) as StreamId[])
      if (found.streams[id] === undefined) undone.add(id);
    return null;
  }
  const all = [manifest, ...others.keys(), ...theirs.map(({ after }) => after)];
  const named = new Set(all.flatMap((one) => [...objectPaths(one)].map(layout.key)));
  await store.remove(removing.filter((one) => !named.has(one)));
  intents.settled(removing);
  await sweepIntents(store, layout, {
    ...{ connectionId: connection.id, epoch, prefix: settings.prefix, named },
  });
  return { held, checkpoints, targets };
}

/** The manifests of other connections below this prefix, with their objects. */
async function othersOf(
  store: Store,
  layout: Layout,
  mine: string,
): Promise<ReadonlyMap<Manifest, { readonly key: string; readonly etag: string | null }>> {
  const keys = await store.keys(layout.own, 'here');
  const others = new Map<Manifest, { readonly key: string; readonly etag: string | null }>();
  for (const key of keys) {
    if (!key.endsWith('.json') || key === mine) continue;
    const found = await readManifest(store, key);
    if (found !== null) others.set(found.manifest, { key, etag: found.etag });
  }
  return others;
}

const without = (manifest: Manifest, streams: ReadonlySet<StreamId>): Manifest => ({
  ...manifest,
  streams: Object.fromEntries(
    Object.entries(manifest.streams).filter(([id]) => !streams.has(id as StreamId)),
  ),
});

/** Two that meet again and again do so at random. */
export const pause = (): Promise<void> => sleep(Math.random() * pauseMsMax);

export const contended = (place: string): SyncError =>
  new SyncError('transient_error', 'Other writers were quicker again and again.', {
    origin: 'destination',
    place,
    remedy:
      'See which syncs write to this prefix; the next attempt goes on from the last checkpoint.',
  });
