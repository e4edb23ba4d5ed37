import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { pieceBytesMax, readAhead } from '../../../connectors/kit/tables-source/read-ahead.ts';

interface Item {
  readonly piece: number;
  readonly at: number;
}

/** Pieces of so many items of 10 bytes. */
function reading(sizes: readonly number[], hands: number, bytesMax = 1_000) {
  let [given, fetched, taken, most, busy] = [0, 0, 0, 0, 0];
  let stops = 0;
  const ahead = readAhead<number, Item>({
    ...{ hands, bytesMax, bytesOf: () => 10, stop: () => void (stops += 1) },
    next: () => (given < sizes.length ? given++ : null),
    async *fetch(piece) {
      busy += 1;
      try {
        for (let at = 0; at < sizes[piece]!; at += 1) {
          if ((piece + at) % 3 === 0) await sleep(0);
          fetched += 1;
          most = Math.max(most, fetched - taken);
          yield { piece, at };
        }
      } finally {
        busy -= 1;
      }
    },
  });
  return {
    ahead,
    take: () => (taken += 1),
    facts: () => ({ given, fetched, most, busy, stops }),
  };
}

const all = (sizes: readonly number[]): Item[] =>
  sizes.flatMap((size, piece) => Array.from({ length: size }, (_, at) => ({ piece, at })));

test('however many fetch, and whatever the sizes, each item comes once and in order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(12), { maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (sizes, hands) => {
        const { ahead, facts, take } = reading(sizes, hands, 200);
        const items: Item[] = [];
        const pieces: number[] = [];
        for await (const one of ahead) {
          pieces.push(one.piece);
          for await (const item of one.items) {
            take();
            items.push(item);
          }
        }
        expect(pieces).toEqual(sizes.map((_, piece) => piece));
        expect(items).toEqual(all(sizes));
        expect(facts()).toMatchObject({ busy: 0, stops: 0 });
      },
    ),
    { numRuns: 40 },
  );
});

test('while nobody takes anything, what waits stays within its bound, and all hands have filled theirs', async () => {
  const hands = 3;
  const { ahead, facts, take } = reading(
    Array.from({ length: 50 }, () => 200),
    hands,
    3_000,
  );
  const first = await ahead.next();
  for (let i = 0; i < 200; i += 1) await sleep(0);
  // A piece that is full has taken the item that filled it.
  const perPiece = pieceBytesMax({ hands, bytesMax: 3_000 }) / 10;
  expect(facts()).toMatchObject({ given: hands, fetched: hands * perPiece, busy: hands });
  for await (const _ of (first.value as { items: AsyncIterable<Item> }).items) take();
  expect(facts().most).toBeLessThanOrEqual(hands * 2 * (perPiece + 1));
  await ahead.return();
  expect(facts()).toMatchObject({ busy: 0, stops: 1 });
});

test('a failure is told in its turn, after all that comes before it, and nothing goes on after it', async () => {
  let given = 0;
  let stops = 0;
  const ahead = readAhead<number, number>({
    ...{ hands: 4, bytesMax: 1_000, bytesOf: () => 1, stop: () => void (stops += 1) },
    next: () => given++,
    async *fetch(piece) {
      if (piece === 5) throw new Error('lost');
      await sleep(1);
      yield piece;
    },
  });
  const items: number[] = [];
  const reading = async (): Promise<void> => {
    for await (const one of ahead) for await (const item of one.items) items.push(item);
  };
  await expect(reading()).rejects.toThrow('lost');
  expect(items).toEqual([0, 1, 2, 3, 4]);
  expect(stops).toBe(1);
  expect(given).toBeLessThanOrEqual(10);
});
