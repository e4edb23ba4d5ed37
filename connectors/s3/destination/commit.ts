import { SyncError, type StreamId } from '../../../protocol/index.ts';
import { objectPaths } from '../../kit/files/manifest.ts';
import { planCommit, type Change, type Commit } from '../../kit/files/plan-commit.ts';
import { fenced } from '../../kit/ledger.ts';
import { readManifest, replaceManifest, type Held } from './manifest.ts';
import { contended, pause, roundsMax, type Place } from './opening.ts';
import type { Sender, Sending } from './sender.ts';

export interface Committing {
  readonly place: Place;
  readonly sender: Sender;
  /** The manifest as this writer last saw it; null: it is to be read. */
  readonly held: Held | null;
  readonly sendings: readonly Sending[];
}

export interface Committed {
  readonly held: Held;
  readonly published: readonly StreamId[];
}

/**
 * The commit itself. The objects come first, unseen by those who read the manifest; replacing it is the commit. Whatever is left behind by
 * a crash was announced in the writer's intent. Invariants 1 and 3.
 */
export async function applyCommit(work: Committing, commit: Commit): Promise<Committed> {
  const { store, layout, intents } = work.place;
  const key = layout.manifest(commit.input.connection.id);
  let known = work.held;
  for (let round = 0; round < roundsMax; round += 1) {
    const held = known ?? (await readManifest(store, key));
    known = null;
    const { manifest, removing, published } = await planned(held, commit, work);
    const removed = removing.map(layout.key);
    const placing = work.sendings.map((sending) => sending.key);
    if (placing.length + removed.length > 0) await intents.announce({ placing, removing: removed });
    try {
      await work.sender.finish(work.sendings);
    } catch (error) {
      // Whoever fenced this writer off may have taken its files away.
      await planned(await readManifest(store, key), commit, work);
      throw error;
    }
    const replaced = await replaceManifest(store, key, { manifest, etag: held!.etag });
    if (replaced === null) {
      await pause();
      continue;
    }
    // Committed. What can't be removed now stays announced, and is by the next open.
    const isRemoved = await store.remove(removed).then(
      () => true,
      () => false,
    );
    intents.settled([...placing, ...(isRemoved ? removed : [])]);
    return { held: replaced, published };
  }
  throw contended(store.place(key));
}

/** Refuses a fenced writer; what it had put by then is taken away. */
async function planned(held: Held | null, commit: Commit, work: Committing): Promise<Change> {
  try {
    if (held === null) throw fenced();
    return planCommit(held.manifest, commit);
  } catch (error) {
    if (!(error instanceof SyncError) || error.code !== 'fenced') throw error;
    const { store, layout } = work.place;
    const named = new Set(held === null ? [] : [...objectPaths(held.manifest)].map(layout.key));
    const orphans = work.sendings
      .map(({ key }) => key)
      .filter((key) => work.sender.sent.has(key) && !named.has(key));
    // What fails here was announced.
    await store.remove(orphans).catch(() => undefined);
    throw error;
  }
}
