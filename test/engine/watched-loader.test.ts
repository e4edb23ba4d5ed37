import { watchLoader } from '../../engine/watched-loader.ts';
import { partId, type Loader, type Part } from '../../protocol/index.ts';
import { block, id } from '../support/items.ts';
import { memoryDestination, memoryStore } from '../support/memory-loader.ts';
import { eventually } from '../worker/eventually.ts';

const stream = id('a');
const never = new Promise<never>(() => undefined);
const { signal } = new AbortController();
const epoch = { syncNo: 1, at: 1 };

/** A memory loader, of which calls may never come back. */
function loaderWith(parts: { part?: Partial<Part>; loader?: Partial<Loader> }): Loader {
  const plain = memoryDestination(memoryStore()).loader({});
  return {
    ...plain,
    part: async (...args) => ({ ...(await plain.part(...args)), ...parts.part }),
    ...parts.loader,
  };
}

test('a loader with nothing to do is not blocked, nor one whose calls come back', async () => {
  const watched = watchLoader(loaderWith({}));
  expect(watched.blockedMs).toBe(0);
  const part = await watched.loader.part(stream, partId(epoch, 1));
  await part.append(block(stream, 1, 3), signal);
  part.cover();
  expect(await part.seal()).toMatchObject({ records: 3 });
  expect(watched.blockedMs).toBe(0);
});

test.each([
  ['part', { loader: { part: () => never } }],
  ['append', { part: { append: () => never } }],
  ['seal', { part: { seal: () => never } }],
  ['discard', { part: { discard: () => never } }],
  ['commit', { loader: { commit: () => never } }],
] as const)('a %s that does not come back blocks it', async (call, parts) => {
  const watched = watchLoader(loaderWith(parts));
  const { loader } = watched;
  void (async () => {
    const part = await loader.part(stream, partId(epoch, 1));
    if (call === 'append') await part.append(block(stream, 1, 1), signal);
    if (call === 'seal') await part.seal();
    if (call === 'discard') await part.discard();
    await loader.commit([], [], signal);
  })();
  await eventually('it is blocked', () => watched.blockedMs > 0);
});

test('a call that comes back shows that it is not, though another is still under way; so does one that fails', async () => {
  let finish: (() => void) | undefined;
  const watched = watchLoader(
    loaderWith({
      part: {
        append: () => new Promise((resolve) => (finish = resolve)),
        seal: () => Promise.reject(new Error('full')),
      },
      loader: { commit: () => never },
    }),
  );
  const part = await watched.loader.part(stream, partId(epoch, 1));
  void watched.loader.commit([], [], signal);
  const appended = part.append(block(stream, 1, 1), signal);
  await eventually('it is blocked for a while', () => watched.blockedMs > 20);
  finish!();
  await appended;
  expect(watched.blockedMs).toBeLessThan(20);
  await eventually('it is blocked for a while', () => watched.blockedMs > 20);
  await expect(part.seal()).rejects.toThrow('full');
  expect(watched.blockedMs).toBeLessThan(20);
});
