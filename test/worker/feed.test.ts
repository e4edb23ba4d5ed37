import { Writable } from 'node:stream';
import { createFeed, type Feed } from '../../worker/runners/feed.ts';

const kib = 1024;

interface Scene {
  readonly feed: Feed;
  /** What the program was given. */
  readonly given: Buffer[];
  /** Pieces that are their owner's again, in order. */
  readonly taken: number[];
  readonly refusals: unknown[];
  readonly stdin: Writable;
  /** The program takes the piece that it was given. */
  take(): void;
  /** Temporal answers, or refuses. */
  readonly permit: { ask: () => Promise<void> };
  overs: number;
}

function scene(): Scene {
  const given: Buffer[] = [];
  const callbacks: (() => void)[] = [];
  const stdin = new Writable({
    highWaterMark: 1,
    write(chunk: Buffer, _encoding, done) {
      given.push(Buffer.from(chunk));
      callbacks.push(done);
    },
  });
  const permit = { ask: () => Promise.resolve() };
  const refusals: unknown[] = [];
  const one: Scene = {
    ...{ given, taken: [], refusals, stdin, permit, overs: 0 },
    take: () => callbacks.shift()!(),
    feed: createFeed(stdin, {
      permit: () => permit.ask(),
      over: () => (one.overs += 1),
      refused: (error) => refusals.push(error),
    }),
  };
  return one;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Sends pieces of 100 KiB, until it may send no more for now; how many it sent. */
async function sendUntilFull({ feed, taken }: Scene): Promise<number> {
  for (let n = 0; ; n += 1) {
    let hasRoom = false;
    const piece = new Uint8Array(100 * kib).fill(n);
    void feed.send(piece, () => taken.push(n)).then(() => (hasRoom = true));
    await turn();
    if (!hasRoom) return n + 1;
  }
}

test('while the program takes its turn half a megabyte more is read, and no more; each piece is given when the one before it was taken', async () => {
  const one = scene();
  // Six pieces: the one that it is being given, and those that wait.
  expect(await sendUntilFull(one)).toBe(6);
  expect(one.given).toHaveLength(1);
  for (let n = 1; n < 6; n += 1) {
    one.take();
    await turn();
    expect(one.taken).toEqual([...Array(n).keys()]);
    expect(one.given.map((bytes) => bytes[0])).toEqual([...Array(n + 1).keys()]);
  }
  let all = false;
  void one.feed.given().then(() => (all = true));
  await turn();
  expect(all).toBe(false);
  one.take();
  await turn();
  expect([all, one.feed.waitingSince, one.taken.length]).toEqual([true, null, 6]);
});

test('what waited in a process that was replaced meanwhile is not given (invariant 3), and is let go once', async () => {
  const one = scene();
  await sendUntilFull(one);
  const fencedOff = new Error('fenced off');
  one.permit.ask = () => Promise.reject(fencedOff);
  one.take();
  await turn();
  expect(one.given).toHaveLength(1);
  expect([one.refusals, one.feed.isOver]).toEqual([[fencedOff], true]);
  expect(one.taken).toEqual([0, 1, 2, 3, 4, 5]);
  await one.feed.given();
  await one.feed.send(new Uint8Array(1), () => one.taken.push(6));
  expect([one.given.length, one.taken.at(-1)]).toEqual([1, 6]);
});

test('a program that closes its stdin lets everything go, and is told of once', async () => {
  const one = scene();
  await sendUntilFull(one);
  one.stdin.destroy(new Error('EPIPE'));
  await turn();
  await one.feed.given();
  expect([one.overs, one.refusals, one.taken.length]).toEqual([1, [], 6]);
});

test('at the end of its input what still waits is not given', async () => {
  const one = scene();
  await sendUntilFull(one);
  one.feed.end();
  one.take();
  await turn();
  await one.feed.given();
  expect([one.given.length, one.taken.length, one.overs]).toEqual([1, 6, 0]);
  expect(one.feed.waitingSince).not.toBeNull();
});
