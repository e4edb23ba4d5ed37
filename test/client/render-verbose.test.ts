import { verboseText } from '../../client/cli/render-verbose.ts';
import { defaultPolicy, type CadenceFacts, type WatchedLimit } from '../../protocol/index.ts';
import { attempt, connectionState, now, progress, view } from './samples.ts';

const minute = 60_000;
const limits: readonly WatchedLimit[] = [
  { limit: 'source_silence', ms: 0, msMax: 60 * minute },
  { limit: 'checkpoint_age', ms: 20 * minute, msMax: 30 * minute },
  { limit: 'sync', ms: 90 * minute, msMax: 120 * minute },
];
const lease = {
  holder: { workflowId: 'sync/orders', firstRunId: 'run' },
  syncNo: 3,
  since: new Date(now).toISOString(),
};
const running = connectionState({ lease, attemptsWithoutProgress: 2 });

test('shows how near each limit is, the retry budget and what commits cost', () => {
  const cadence: CadenceFacts = {
    why: 'batch full',
    ...{ commits: 12, commitMs: 130, msPerMib: 50, intervalMs: 2_470, share: 0.048 },
  };
  const cost = { commits: 13, stagedBytes: 5 * 1024 * 1024, busyMs: 61_000 };
  const shown = view({ attempts: [attempt({ progress: progress({ limits, cadence, cost }) })] });
  expect(verboseText(running, shown, now)).toEqual([
    '',
    'limits:',
    '  LIMIT                  NOW  AT MOST  USED',
    '  source_silence_max    0.0s    1h00m   0 %',
    '  checkpoint_age_max  20m00s   30m00s  67 %',
    '  sync_max             1h30m    2h00m  75 %',
    '',
    'attempts without a checkpoint: 2 (at most 10)',
    '12 commits, the last one because: batch full; one takes 0.1s, 50.0 ms a MiB, all 4.8 % of the time; a covered state waits 2.5s',
    'in the warehouse: 13 commits, 5.0 MB staged, busy for 1m01s',
  ]);
});

test('while the next attempt waits it shows until when and why, and the limits as they are set', () => {
  const waiting = attempt({
    attempt: 2,
    state: 'waiting to retry',
    progress: progress({ limits }),
    lastFailure: { kind: 'transient_error', origin: 'source', message: 'Lost.' },
    nextAttemptAt: new Date(now + minute).toISOString(),
  });
  const lines = verboseText(running, view({ attempts: [waiting] }), now);
  expect(lines).toContain(
    'next attempt at 2026-03-01T12:01:00.000Z (in 1m00s), because: source transient_error: Lost.',
  );
  expect(lines).toContain('  LIMIT                    AT MOST');
  expect(lines.join()).not.toContain('67 %');
});

test('shows the limits of a connection at rest, with the defaults that an old spec does not name', () => {
  const { spec } = connectionState();
  const policy = { ...defaultPolicy, syncMsMax: 24 * 60 * minute };
  expect(verboseText(connectionState({ spec: { ...spec, policy } }), null, now)).toEqual([
    '',
    'limits:',
    '  LIMIT                    AT MOST',
    '  source_silence_max         1h00m',
    '  destination_blocked_max    2h00m',
    '  no_progress_max            3h00m',
    '  checkpoint_age_max        30m00s',
    '  sync_max                   1d00h',
    '',
    'attempts without a checkpoint: none runs (at most 10)',
  ]);
});
