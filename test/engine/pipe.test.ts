import { createPipe } from '../../engine/pipe.ts';
import { SyncError } from '../../protocol/index.ts';
import { block, end, id, streamState } from '../support/items.ts';

const A = id('a');
const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let done = false;
  void promise.then(
    () => (done = true),
    () => (done = true),
  );
  await new Promise((resolve) => setImmediate(resolve));
  return done;
};

test('passes items in order and ends after END', async () => {
  const pipe = createPipe({ bytesMax: 1e6 });
  const items = [block(A, 1, 2), streamState(A, 1), end()];
  for (const item of items) await pipe.push(item);
  const got = [];
  for await (const item of pipe.items()) got.push(item);
  expect(got).toEqual(items);
});

test('holds a push back while the queue is full, and lets one larger item pass alone', async () => {
  const pipe = createPipe({ bytesMax: 100 });
  const large = block(A, 1, 10);
  expect(large.bytes.byteLength).toBeGreaterThan(100);
  await pipe.push(large);
  const second = pipe.push(block(A, 11, 11));
  expect(await settled(second)).toBe(false);
  expect(pipe.stats).toEqual({ items: 1, bytes: large.bytes.byteLength });
  const iterator = pipe.items()[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toBe(large);
  await second;
});

test('close ends both sides at once with its reason and releases what waits, also a push held back', async () => {
  const pipe = createPipe({ bytesMax: 1 });
  const [queued, held] = [block(A, 1, 1), block(A, 2, 2)];
  await pipe.push(queued);
  const push = pipe.push(held);
  const reason = new SyncError('transient_error', 'Over.', { origin: 'tidemark', code: 'aborted' });
  pipe.close(reason);
  await expect(push).rejects.toBe(reason);
  await expect(pipe.items()[Symbol.asyncIterator]().next()).rejects.toBe(reason);
  expect([queued.released(), held.released()]).toEqual([1, 1]);
  expect(pipe.closed.aborted).toBe(true);
});

test('close wakes a consumer that waits', async () => {
  const pipe = createPipe({ bytesMax: 1 });
  const next = pipe.items()[Symbol.asyncIterator]().next();
  expect(await settled(next.catch(() => undefined))).toBe(false);
  pipe.close();
  await expect(next).rejects.toMatchObject({ code: 'aborted' });
});

test('a consumer that stops early closes the pipe for its reader', async () => {
  const pipe = createPipe({ bytesMax: 1e6 });
  await pipe.push(block(A, 1, 1));
  for await (const _ of pipe.items()) break;
  await expect(pipe.push(end())).rejects.toMatchObject({ code: 'aborted' });
});
