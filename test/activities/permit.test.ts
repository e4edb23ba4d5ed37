import { createPermit } from '../../activities/permit.ts';
import { SyncError } from '../../protocol/index.ts';

const freshMs = 60_000;
const long = (): number => performance.now() - 2 * freshMs;

test('a fresh permit is not asked for again', async () => {
  const permit = () => Promise.reject(new Error('It was asked.'));
  const fresh = createPermit({ acknowledgedAt: performance.now(), permit }, freshMs);
  expect(fresh.isFresh).toBe(true);
  await fresh.renewed();
});

test('an answer that was old when it was read is asked for again', async () => {
  // The first answer came while the process was frozen.
  const answers = [long(), performance.now()];
  const committer = {
    acknowledgedAt: long(),
    async permit() {
      committer.acknowledgedAt = answers.shift()!;
    },
  };
  const stale = createPermit(committer, freshMs);
  expect(stale.isFresh).toBe(false);
  await stale.renewed();
  expect(answers).toEqual([]);
  expect(stale.isFresh).toBe(true);
});

test('a refusal is passed on', async () => {
  const fenced = new SyncError('transient_error', 'A newer writer.', {
    origin: 'tidemark',
    code: 'fenced',
  });
  const stale = createPermit(
    { acknowledgedAt: long(), permit: () => Promise.reject(fenced) },
    freshMs,
  );
  await expect(stale.renewed()).rejects.toBe(fenced);
});
