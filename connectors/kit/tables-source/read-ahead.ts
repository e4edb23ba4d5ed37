import { createShelf, type Shelf } from './shelf.ts';

/** Pieces that are fetched or wait, for each hand. */
const aheadMax = 2;

export interface ReadAhead<P, T> {
  /** How many fetch at once, each one piece at a time. */
  readonly hands: number;
  /** The pieces in order; null: there are no more. */
  next(this: void): P | null;
  fetch(this: void, piece: P, hand: number): AsyncIterable<T>;
  bytesOf(this: void, item: T): number;
  /** What of all pieces may wait together, bytes; of each it is one item more. Invariant 7. */
  readonly bytesMax: number;
  /** Ends all fetching, as the reading was left early. */
  stop(this: void): void;
}

export interface Fetched<P, T> {
  readonly piece: P;
  readonly hand: number;
  /** To be read to its end, or the whole reading left. Throws what its fetching threw. */
  readonly items: AsyncIterable<T>;
}

/** What of the bound one piece may take. */
export const pieceBytesMax = ({
  hands,
  bytesMax,
}: Pick<ReadAhead<never, never>, 'hands' | 'bytesMax'>): number =>
  Math.floor(bytesMax / (hands * aheadMax));

/**
 * Fetches several pieces at once and gives them in order, one after the other: so a state after a piece covers what came before it, and nothing
 * that came before it is left uncovered. What is fetched ahead waits, within the bound. Left early, it has ended all fetching before its `return` resolves.
 */
export async function* readAhead<P, T>(
  options: ReadAhead<P, T>,
): AsyncGenerator<Fetched<P, T>, void, undefined> {
  const { hands, next, fetch, bytesOf, stop } = options;
  const bytesMax = pieceBytesMax(options);
  const shelves: (Fetched<P, T> & { readonly items: Shelf<T> })[] = [];
  const withoutRoom: (() => void)[] = [];
  const makeRoom = (): void => withoutRoom.splice(0).forEach((go) => go());
  let wake: () => void = () => undefined;
  let working = hands;
  /** No more pieces are begun. */
  let isEnding = false;

  async function work(hand: number): Promise<void> {
    for (;;) {
      while (shelves.length >= hands * aheadMax && !isEnding)
        await new Promise<void>((resolve) => withoutRoom.push(resolve));
      const piece = isEnding ? null : next();
      if (piece === null) return;
      const items = createShelf<T>({ bytesOf, bytesMax });
      shelves.push({ piece, hand, items });
      wake();
      if (!(await fill(items, fetch(piece, hand)))) isEnding = true;
    }
  }
  const works = Array.from({ length: hands }, async (_, hand) => {
    await work(hand);
    working -= 1;
    wake();
  });
  let isOver = false;
  try {
    while (working > 0 || shelves.length > 0) {
      const [first] = shelves;
      if (first === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      yield first;
      shelves.shift();
      makeRoom();
    }
    isOver = true;
  } finally {
    isEnding = true;
    if (!isOver) stop();
    shelves.forEach(({ items }) => items.close());
    makeRoom();
    await Promise.all(works);
  }
}

/** False: it failed, which its taker is told, or nobody takes it. */
async function fill<T>(shelf: Shelf<T>, items: AsyncIterable<T>): Promise<boolean> {
  try {
    for await (const item of items) if (!(await shelf.put(item))) return false;
    shelf.end();
    return true;
  } catch (error) {
    shelf.fail(error);
    return false;
  }
}
