import { SyncError } from '../../../protocol/index.ts';
import { manifestOf, manifestText, type Manifest } from '../../kit/files/manifest.ts';
import type { Store } from './store.ts';

/** A manifest as it was found or put. */
export interface Held {
  readonly manifest: Manifest;
  /** Of its object; null: there is none yet. */
  readonly etag: string | null;
}

/** null: there is none. */
export async function readManifest(store: Store, key: string): Promise<Held | null> {
  const found = await store.get(key);
  if (found === null) return null;
  return { manifest: manifestOf(found.bytes.toString(), store.place(key)), etag: found.etag };
}

/**
 * Puts a manifest in the place of the one that it was made from; null: that one is no longer there, and nothing was changed. S3 compares and
 * replaces in one step: of two writers that read the same manifest one gets through. Invariant 3.
 */
export async function replaceManifest(
  store: Store,
  key: string,
  { manifest, etag }: Held,
): Promise<Held | null> {
  const text = manifestText(manifest, store.place(key));
  let lost: unknown = null;
  try {
    const put = await store.putIf(key, text, etag);
    if (put !== null) return { manifest, etag: put };
  } catch (error) {
    if (!mayHaveHappened(error)) throw error;
    lost = error;
  }
  // The answer to the put may have been lost, and what was tried again met the first: the object itself tells.
  const found = await store.get(key);
  if (found?.bytes.equals(text) === true) return { manifest, etag: found.etag };
  if (lost !== null) throw lost;
  return null;
}

const mayHaveHappened = (error: unknown): boolean =>
  error instanceof SyncError && error.kind === 'transient_error' && error.code !== 'aborted';
