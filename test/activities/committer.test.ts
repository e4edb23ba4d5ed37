import { createCommitter } from '../../activities/committer.ts';
import { SyncError, type Checkpoint } from '../../protocol/index.ts';
import { id } from '../support/items.ts';

function checkpoint(scope: string, seq: number): Checkpoint {
  return {
    scope: id(scope),
    edition: 0,
    epoch: { syncNo: 1, at: 1 },
    seq,
    state: null,
    records: seq,
    bytes: seq,
    committedAt: '',
  };
}

const unreachable = new SyncError('transient_error', 'No answer.', {
  origin: 'tidemark',
  facts: { unreachable: true },
});
const fenced = new SyncError('transient_error', 'A newer writer.', {
  origin: 'tidemark',
  code: 'fenced',
});

/** A Temporal that answers as it is told. */
function temporal() {
  const calls: (readonly Checkpoint[])[] = [];
  const refused: SyncError[] = [];
  const answers: (() => Promise<void>)[] = [];
  const committer = createCommitter({
    attachedAt: 0,
    send(checkpoints) {
      calls.push(checkpoints);
      return answers.shift()?.() ?? Promise.resolve();
    },
    onRefused: (error) => refused.push(error),
  });
  return { calls, refused, answers, committer };
}

test('one call is in flight, and the newest checkpoint of each scope goes with the next', async () => {
  const { calls, answers, committer } = temporal();
  let answer: () => void = () => undefined;
  answers.push(() => new Promise((resolve) => (answer = resolve)));

  committer.offer(checkpoint('a', 1), 100);
  committer.offer(checkpoint('a', 2), 100);
  committer.offer(checkpoint('b', 1), 100);
  committer.offer(checkpoint('a', 3), 100);
  const flushed = committer.flush(5_000);
  expect(calls).toHaveLength(1);
  answer();
  await flushed;

  expect(calls.map((one) => one.map(({ scope, seq }) => `${scope}${seq}`))).toEqual([
    ['a1'],
    ['a3', 'b1'],
  ]);
  expect(committer.unacknowledged.size).toBe(0);
});

test('what Temporal did not answer is sent again, and what came since goes along', async () => {
  const { calls, answers, committer } = temporal();
  answers.push(() => Promise.reject(unreachable));
  committer.offer(checkpoint('a', 1), 100);
  committer.offer(checkpoint('b', 1), 100);
  await committer.flush(5_000);
  expect(
    calls
      .at(-1)!
      .map(({ scope }) => scope)
      .sort(),
  ).toEqual(['a', 'b']);
});

test('a flush gives up in time and leaves the checkpoints unacknowledged', async () => {
  const { answers, committer } = temporal();
  answers.push(() => new Promise(() => undefined));
  committer.offer(checkpoint('a', 1), 100);
  await expect(committer.flush(20)).rejects.toMatchObject({ facts: { unreachable: true } });
  expect([...committer.unacknowledged.keys()]).toEqual(['a']);
  committer.stop();
});

test('a refusal ends it, and every later flush and permit', async () => {
  const { calls, refused, answers, committer } = temporal();
  answers.push(() => Promise.reject(fenced));
  committer.offer(checkpoint('a', 1), 100);
  await expect(committer.flush(5_000)).rejects.toBe(fenced);
  committer.offer(checkpoint('a', 2), 100);
  await expect(committer.permit()).rejects.toBe(fenced);
  await expect(committer.flush(5_000)).rejects.toBe(fenced);
  expect(refused).toEqual([fenced]);
  expect(calls).toHaveLength(1);
});

test('a permit is asked for anew, also when nothing waits to be committed', async () => {
  const { calls, committer } = temporal();
  await committer.permit();
  await committer.permit();
  expect(calls).toEqual([[], []]);
});

test('an acknowledgement counts from when it was asked for, not from when it was read', async () => {
  const { answers, committer } = temporal();
  expect(committer.acknowledgedAt).toBe(0);
  let answer: () => void = () => undefined;
  answers.push(() => new Promise((resolve) => (answer = resolve)));
  const before = performance.now();
  const asked = committer.permit();
  const after = performance.now();
  while (performance.now() === after) await new Promise(setImmediate);
  answer();
  await asked;
  expect(committer.acknowledgedAt).toBeGreaterThanOrEqual(before);
  expect(committer.acknowledgedAt).toBeLessThanOrEqual(after);
});

test('what would not fit into a heartbeat beside what waits has to be flushed first; a single one never has', async () => {
  const { answers, committer } = temporal();
  answers.push(() => new Promise(() => undefined));
  const mebibyte = 1024 * 1024;
  expect(committer.isFullFor(checkpoint('a', 1), 12 * mebibyte)).toBe(false);
  committer.offer(checkpoint('a', 1), 600_000);
  expect(committer.isFullFor(checkpoint('a', 2), 12 * mebibyte)).toBe(false);
  expect(committer.isFullFor(checkpoint('b', 1), 400_000)).toBe(false);
  expect(committer.isFullFor(checkpoint('b', 1), 500_000)).toBe(true);
  committer.offer(checkpoint('a', 2), 100);
  expect(committer.unacknowledgedBytes).toBe(100);
  expect(committer.isFullFor(checkpoint('b', 1), 500_000)).toBe(false);
  committer.stop();
});

test('what was acknowledged counts no more', async () => {
  const { committer } = temporal();
  committer.offer(checkpoint('a', 1), 600_000);
  committer.offer(checkpoint('b', 1), 600_000);
  await committer.flush(5_000);
  expect(committer.unacknowledgedBytes).toBe(0);
});
