import { judge, type Watched } from '../../activities/watchdog.ts';
import { defaultPolicy } from '../../protocol/index.ts';

const minute = 60_000;
const mib = 1024 * 1024;

function watched(parts: Partial<Watched> = {}): Watched {
  return {
    ageMs: 0,
    waiting: { states: 0, bytes: 0 },
    silentMs: 0,
    blockedMs: 0,
    idleMs: 0,
    isLimited: false,
    isLoadingWhole: false,
    ...parts,
  };
}

test('nobody is late before half the time', () => {
  expect(judge(defaultPolicy, watched({ ageMs: 14 * minute, silentMs: 1 * minute }))).toEqual({
    late: null,
    isOverdue: false,
    failure: null,
    limits: [
      { limit: 'source_silence', ms: 1 * minute, msMax: 60 * minute },
      { limit: 'destination_blocked', ms: 0, msMax: 120 * minute },
      { limit: 'no_progress', ms: 0, msMax: 180 * minute },
      { limit: 'checkpoint_age', ms: 14 * minute, msMax: 30 * minute },
    ],
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

test('a source that waits for its rate limit is named so', () => {
  const { late } = judge(defaultPolicy, watched({ ageMs: 16 * minute, isLimited: true }));
  expect(late).toBe('the source has sent no state for 16 min: it waits for its rate limit');
});

const limits = {
  sourceSilenceMsMax: 4 * minute,
  destinationBlockedMsMax: 6 * minute,
  noProgressMsMax: 8 * minute,
};

/** Each with its limit, its side, and what is told of it. */
const sides = [
  ['silentMs', 4, 'source', 'the source has shown no life for '],
  ['blockedMs', 6, 'destination', 'the destination has taken nothing for '],
  ['idleMs', 8, 'source', 'no record has come and no checkpoint was made for '],
] as const;

test.each(sides)(
  '%s: half of its %i minutes are told, all of them fail the attempt, which is tried again',
  (member, max, origin, told) => {
    const policy = { ...defaultPolicy, ...limits };
    const at = (ms: number) => judge(policy, watched({ [member]: ms }));
    expect(at((max * minute) / 2 - 1)).toMatchObject({ late: null, failure: null });
    expect(at((max * minute) / 2)).toMatchObject({
      late: `${told}${max / 2} min`,
      isOverdue: false,
      failure: null,
    });
    expect(at(max * minute - 1).failure).toBeNull();
    const { failure } = at(max * minute);
    expect(failure).toMatchObject({ kind: 'transient_error', origin });
    expect(failure!.place).toContain(`for ${max} min`);
    expect(failure!.remedy).toContain('policy.');
    // Only what ends a sync for good says so.
    expect(failure!.facts).toBeUndefined();
  },
);

test.each(sides)(
  '%s: its limit is that of the policy, also where a spec is of an older version',
  (member, max) => {
    const hours = { silentMs: 1, blockedMs: 2, idleMs: 3 }[member];
    const old = (ms: number) => judge(defaultPolicy, watched({ [member]: ms })).failure;
    expect(old(max * minute)).toBeNull();
    expect(old(hours * 60 * minute - 1)).toBeNull();
    expect(old(hours * 60 * minute)).not.toBeNull();
  },
);

test('of several limits that are passed, the guilty side is named, and the age of a checkpoint last', () => {
  const policy = { ...defaultPolicy, ...limits, onOverdue: 'fail' as const };
  const all = watched({
    ageMs: 31 * minute,
    silentMs: 31 * minute,
    blockedMs: 31 * minute,
    idleMs: 31 * minute,
  });
  const messageOf = (more: Partial<Watched>) => judge(policy, { ...all, ...more }).failure?.message;
  expect(messageOf({})).toBe('The source went silent.');
  expect(messageOf({ silentMs: 0 })).toBe('The destination takes nothing.');
  expect(messageOf({ silentMs: 0, blockedMs: 0 })).toBe('The sync makes no progress.');
  const aged = judge(policy, { ...all, silentMs: 0, blockedMs: 0, idleMs: 0 });
  expect(aged.failure?.facts).toEqual({ overdue: true });
  expect(judge(policy, all).late).toBe(
    'the source has sent no state for 31 min; no record has come and no checkpoint was made for 31 min; the destination has taken nothing for 31 min; the source has shown no life for 31 min',
  );
});
