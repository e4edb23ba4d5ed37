import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createSender,
  partBytesMin,
  requestsMax,
} from '../../../connectors/s3/destination/sender.ts';
import type { Store } from '../../../connectors/s3/destination/store.ts';

let directory: string;
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'tidemark-sender-'))));
afterEach(() => rmSync(directory, { recursive: true }));

/** A service that answers nothing before as much is under way as may be, and counts it. */
function slowStore() {
  let go!: () => void;
  const full = new Promise<void>((resolve) => (go = resolve));
  const under = { requests: 0, bytes: 0 };
  const most = { requests: 0, bytes: 0 };
  const received = new Map<string, number>();
  const take = async (key: string, bytes: Buffer): Promise<void> => {
    under.requests += 1;
    under.bytes += bytes.byteLength;
    most.requests = Math.max(most.requests, under.requests);
    most.bytes = Math.max(most.bytes, under.bytes);
    // A while, in which one too many would come.
    if (under.requests === requestsMax) setTimeout(go, 100);
    await full;
    under.requests -= 1;
    under.bytes -= bytes.byteLength;
    received.set(key, (received.get(key) ?? 0) + bytes.byteLength);
  };
  const store: Pick<Store, 'putIf' | 'upload'> = {
    async putIf(key, bytes) {
      await take(key, bytes);
      return 'etag';
    },
    upload: (key) =>
      Promise.resolve({
        part: (_, bytes) => take(key, bytes),
        complete: () => Promise.resolve(true),
        abort: () => Promise.resolve(),
      }),
  };
  return { store: store as Store, most, received };
}

test('however many files there are, only so many requests are under way, each with a part at most', async () => {
  const { store, most, received } = slowStore();
  const sender = createSender(store, {});
  const sizes = [3.5, 0.1, 2, 0.5, 5].map((parts) => Math.floor(parts * partBytesMin));
  const sendings = sizes.map((bytes, i) => {
    const file = join(directory, String(i));
    writeFileSync(file, '');
    truncateSync(file, bytes);
    return { file, key: `key-${i}`, bytes };
  });
  sender.begin(sendings[0]!);
  await sender.finish(sendings);
  expect(sizes.map((_, i) => received.get(`key-${i}`))).toEqual(sizes);
  expect([...sender.sent].sort()).toEqual(sendings.map(({ key }) => key));
  expect(most.requests).toBe(requestsMax);
  expect(most.bytes).toBeLessThanOrEqual(requestsMax * partBytesMin);
  // Repeated, as after a conflict: nothing is sent again.
  await sender.finish(sendings);
  expect(sizes.map((_, i) => received.get(`key-${i}`))).toEqual(sizes);
});
