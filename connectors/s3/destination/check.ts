import { randomUUID } from 'node:crypto';
import { SyncError } from '../../../protocol/index.ts';
import { refusedConfig } from '../../kit/files/refused.ts';
import { placeOf } from '../../kit/s3/config.ts';
import { asS3Error } from '../../kit/s3/errors.ts';
import { settingsOf, type S3Config } from './config.ts';
import { layoutOf } from './layout.ts';
import { openStore, type Store } from './store.ts';

/** Does with an object of its own all that a sync does, right by right, and proves that the service honours conditions. */
export async function check(config: S3Config, signal: AbortSignal): Promise<void> {
  const { own } = layoutOf(settingsOf(config).prefix);
  const store = await openStore(config, signal);
  // No manifest ends so.
  const key = `${own}check-${randomUUID()}`;
  try {
    // First what shows that the bucket is there and may be seen.
    await store.keys(own, 'here');
    await proveConditions(store, key);
    await store.get(key);
    const upload = await store.upload(`${key}-parts`, {});
    await store.uploads(key);
    await upload.abort();
    await store.remove([key]);
  } catch (error) {
    // A right that is missing may be the one to remove it.
    await store.remove([key]).catch(() => undefined);
    throw asS3Error(error, { action: 's3', end: 'destination', place: placeOf(config) }, signal);
  } finally {
    store.close();
  }
}

/** Without them two writers could both believe that they had committed. Invariant 3. */
async function proveConditions(store: Store, key: string): Promise<void> {
  const put = (text: string, etag: string | null): Promise<string | null> =>
    store.putIf(key, Buffer.from(text), etag).catch((error: unknown) => {
      // A service that knows no conditions may say so.
      const isUnknown = error instanceof SyncError && error.facts?.['status'] === 501;
      throw isUnknown ? unconditional(store.place(key)) : error;
    });
  const first = await put('one', null);
  const isTakenTwice = first === null || (await put('two', null)) !== null;
  const second = isTakenTwice ? null : await put('three', first);
  const isStaleTaken = second === null || (await put('four', first)) !== null;
  const found = await store.get(key);
  if (isStaleTaken || found?.bytes.toString() !== 'three') throw unconditional(store.place(key));
}

const unconditional = (place: string): SyncError =>
  refusedConfig(
    'The service does not honour conditional writes (If-None-Match, If-Match), without which no commit is safe.',
    place,
    'Use AWS S3, or a service and version that honours both for PutObject.',
  );
