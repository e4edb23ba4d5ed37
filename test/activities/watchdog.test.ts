import { judge, type Watched } from '../../activities/watchdog.ts';
import { defaultPolicy } from '../../protocol/index.ts';

const minute = 60_000;
const mib = 1024 * 1024;

function watched(parts: Partial<Watched> = {}): Watched {
  return {
    ageMs: 0,
    waiting: { states: 0, bytes: 0 },
    silentMs: 0,
    isLoadingWhole: false,
    ...parts,
  };
}

test('nobody is late before half the time', () => {
  expect(judge(defaultPolicy, watched({ ageMs: 14 * minute }))).toEqual({
    late: null,
    isOverdue: false,
    failure: null,
  });
});

test('at half the time it says who is late', () => {
  const source = judge(defaultPolicy, watched({ ageMs: 16 * minute }));
  expect(source.late).toBe('the source has sent no state for 16 min');
  const waiting = { states: 3, bytes: 210 * mib };
  const destination = judge(defaultPolicy, watched({ ageMs: 16 * minute, waiting }));
  expect(destination.late).toContain('the destination holds 3 states and 210.0 MiB');
  expect(destination.isOverdue).toBe(false);
});

test('at the limit it warns or fails, as the policy says; a load of a whole stream is never failed', () => {
  const late = watched({ ageMs: 31 * minute });
  expect(judge(defaultPolicy, late)).toMatchObject({ isOverdue: true, failure: null });
  const strict = { ...defaultPolicy, onOverdue: 'fail' as const };
  expect(judge(strict, late).failure).toMatchObject({ facts: { overdue: true } });
  expect(judge(strict, { ...late, isLoadingWhole: true })).toMatchObject({
    isOverdue: true,
    failure: null,
  });
});

test('a source that prints nothing at all has failed', () => {
  const { failure } = judge(defaultPolicy, watched({ silentMs: 61 * minute }));
  expect(failure).toMatchObject({ origin: 'source', kind: 'transient_error' });
});
