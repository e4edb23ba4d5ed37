import { createParts, StreamLoad } from '../../engine/stream-load.ts';
import { block, id } from '../support/items.ts';
import { memoryDestination, memoryStore } from '../support/memory-loader.ts';

const [A, B] = [id('a'), id('b')];
const never = new AbortController().signal;
const size = (n: number): number => block(A, 1, n).bytes.byteLength;

async function loads(bounds: { streamBytesMax: number; totalBytesMax: number }) {
  const loader = memoryDestination(memoryStore()).loader({});
  const parts = createParts(loader, { syncNo: 1, at: 1 }, bounds);
  const made = [A, B].map((stream) => new StreamLoad(stream, parts));
  for (const load of made) {
    await load.append(block(load.stream, 1, 1), never);
    load.cover();
  }
  return { parts, a: made[0]!, b: made[1]! };
}

test('what follows a state is held up to the bound of its stream, then begins a part', async () => {
  const { parts, a } = await loads({ streamBytesMax: size(2), totalBytesMax: 1e9 });
  await a.append(block(A, 2, 3), never);
  expect(parts.heldBytes).toBe(size(2));
  expect(a.take()).toEqual([]);
  await a.append(block(A, 4, 4), never);
  expect(parts.heldBytes).toBe(0);
  expect(a.take()).toMatchObject([{ stream: A, records: 1 }]);
  expect(a.tail.records).toBe(3);
});

test('all streams together hold no more than their bound', async () => {
  const { parts, a, b } = await loads({ streamBytesMax: 1e9, totalBytesMax: size(3) });
  await a.append(block(A, 2, 3), never);
  await b.append(block(B, 2, 3), never);
  expect(parts.heldBytes).toBe(size(2));
  expect(b.take()).toMatchObject([{ stream: B, records: 1 }]);
  expect([a.tail.records, b.tail.records]).toEqual([2, 2]);
});

test('dropping the tail keeps what is covered', async () => {
  const { parts, a } = await loads({ streamBytesMax: 1e9, totalBytesMax: 1e9 });
  await a.append(block(A, 2, 3), never);
  await a.dropTail();
  expect([a.tail.records, parts.heldBytes]).toEqual([0, 0]);
  await a.seal(never);
  expect(a.take()).toMatchObject([{ stream: A, records: 1 }]);
});
