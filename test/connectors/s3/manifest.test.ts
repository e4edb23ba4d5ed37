import { manifestText, type Manifest } from '../../../connectors/kit/files/manifest.ts';
import { replaceManifest } from '../../../connectors/s3/destination/manifest.ts';
import type { Store } from '../../../connectors/s3/destination/store.ts';
import { SyncError } from '../../../protocol/index.ts';
import { connection, epoch, failure } from '../harness.ts';

const manifestOf = (syncNo: number): Manifest => ({
  ...{ version: 1, connection, fence: epoch(syncNo), checkpoints: [], streams: {} },
});
const away = new SyncError('transient_error', 'S3 could not be reached.', {
  origin: 'destination',
});
const denied = new SyncError('config_error', 'S3 denied s3:PutObject.', { origin: 'destination' });

/** An object that answers a put so, after it has become what was put, or something else. */
function storeThat(answer: string | null | SyncError, becomes: 'put' | 'kept' | Manifest): Store {
  let bytes = manifestText(manifestOf(1), 'before');
  const store: Pick<Store, 'get' | 'putIf' | 'place'> = {
    place: (key) => key,
    get: () => Promise.resolve({ bytes, etag: 'found' }),
    putIf(_, put) {
      if (becomes === 'put') bytes = put;
      else if (becomes !== 'kept') bytes = manifestText(becomes, 'after');
      return answer instanceof SyncError ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  return store as Store;
}
const replace = (store: Store) =>
  replaceManifest(store, 'key', { manifest: manifestOf(2), etag: 'before' });

test('a put that was answered is done', async () => {
  expect(await replace(storeThat('new', 'put'))).toEqual({ manifest: manifestOf(2), etag: 'new' });
});

test.each([
  ['told as refused, since it was tried again', null],
  ['not told at all', away],
])('a put whose answer was lost, %s, is done: the object shows it', async (_, answer) => {
  const done = { manifest: manifestOf(2), etag: 'found' };
  expect(await replace(storeThat(answer, 'put'))).toEqual(done);
});

test('a put that another was quicker than changed nothing', async () => {
  expect(await replace(storeThat(null, manifestOf(3)))).toBeNull();
});

test('a put that did not arrive, or was denied, fails as it is', async () => {
  expect(await failure(replace(storeThat(away, 'kept')))).toBe(away);
  expect(await failure(replace(storeThat(denied, 'kept')))).toBe(denied);
});
