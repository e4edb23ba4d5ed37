import { everyStream, type SyncFailure } from '../../protocol/index.ts';
import { id } from '../support/items.ts';
import { rateOf, sampled } from '../../client/cli/rates.ts';
import { checkpointText, connectionText, listText } from '../../client/cli/render-status.ts';
import { eventText, frame, summaryText } from '../../client/cli/render-sync.ts';
import { eventsBetween, progressOf } from '../../client/cli/sync-events.ts';
import {
  attempt,
  connectionState,
  now,
  ordersId,
  progress,
  schema,
  summary,
  view,
} from './samples.ts';

const failure: SyncFailure = {
  kind: 'transient_error',
  origin: 'source',
  message: 'The source lost its connection.',
  place: 'db.example.com:5432',
  remedy: 'Check the database.',
};
const options = { now, columns: 120, streamsMax: 10, rateOf: () => 1_000 };

test('draws a running sync', () => {
  expect(frame(view(), options)).toEqual([
    'orders  sync/orders  running 2m00s',
    'attempt 1: syncing on host-a:4711, resumed from orders {"updated_at":"2026-02-28"}',
    'read 120,000 records (12.3 MB), committed 100,000, last checkpoint 3s ago, 2 states wait (1.2 MB)',
    '',
    'STREAM     READ    BYTES     RATE  COMMITTED  NULLED  STATUS',
    'orders  120,000  12.3 MB  1,000/s    100,000          RUNNING',
  ]);
});

test('draws no line wider than the terminal and no more streams than fit', () => {
  const streams = Array.from({ length: 40 }, () => progress().streams[0]!);
  const wide = view({ attempts: [attempt({ progress: progress({ streams, streamCount: 500 }) })] });
  const lines = frame(wide, { ...options, columns: 40, streamsMax: 5 });
  expect(lines.every((line) => line.length <= 40)).toBe(true);
  expect(lines.at(-1)).toBe('… and 495 more streams');
});

test('draws what the last attempt failed with and when the next one starts', () => {
  const waiting = attempt({
    attempt: 2,
    state: 'waiting to retry',
    lastFailure: failure,
    nextAttemptAt: new Date(now + 12_000).toISOString(),
  });
  const lines = frame(view({ attempts: [waiting] }), { ...options, columns: 300 });
  expect(lines[1]).toContain('attempt 2: waiting to retry');
  expect(lines).toContain(
    'next attempt at 2026-03-01T12:00:12.000Z (in 12s), because: source transient_error: The source lost its connection. (db.example.com:5432) Check the database.',
  );
  expect(lines.join()).not.toContain('attempt 1 failed');
});

test('shows until when a rate limit is waited for, by a source that runs and by an attempt that failed', () => {
  const until = '2026-03-01T12:12:00.000Z';
  const runs = attempt({
    progress: progress({ rateLimit: { stream: ordersId, until }, late: 'the source' }),
  });
  const said = `stream orders waits for the source's rate limit until ${until} (in 12m00s)`;
  const wide = { ...options, columns: 300 };
  expect(frame(view({ attempts: [runs] }), wide)).toContain(said);
  expect(texts(view(), view({ attempts: [runs] }))).toContain(`attempt 1: ${said}`);
  expect(texts(view({ attempts: [runs] }), view({ attempts: [runs] }))).toEqual([]);

  const waiting = attempt({
    attempt: 2,
    state: 'waiting to retry',
    lastFailure: { ...failure, code: 'rate_limited' },
    nextAttemptAt: until,
  });
  const waits = `waits for the source's rate limit until ${until} (in 12m00s)`;
  const lines = frame(view({ attempts: [waiting] }), wide);
  expect(lines).toContain(waits);
  expect(lines.join()).toContain('attempt 1 failed: source transient_error');
  expect(progressOf(view({ attempts: [waiting] })).map((one) => eventText(one, now))).toEqual([
    `attempt 2: ${waits}`,
  ]);
});

test('draws that no worker polls, and who is late', () => {
  expect(frame(view({ attempts: [], unpolled: 'tidemark' }), options)[1]).toBe(
    'waiting: no worker polls the task queue tidemark. Start one: tidemark worker',
  );
  const late = attempt({ progress: progress({ late: 'no state for 16 min' }) });
  expect(frame(view({ attempts: [late] }), options)).toContain('late: no state for 16 min');
});

test('keeps control characters of a connector away from the terminal', () => {
  const evil = attempt({ progress: progress({ resumedFrom: { orders: '\u001B]0;owned\u0007' } }) });
  expect(frame(view({ attempts: [evil] }), options).join('')).not.toMatch(/\p{Cc}/u);
});

const texts = (before: Parameters<typeof eventsBetween>[0], next: ReturnType<typeof view>) =>
  eventsBetween(before, next).map((event) => eventText(event, now));

test('tells each phase, checkpoint and failed attempt once', () => {
  const opening = view({
    attempts: [attempt({ progress: progress({ phase: 'opening', lastCheckpointAt: null }) })],
  });
  expect(texts(null, opening)).toEqual(['attempt 1: opening on host-a:4711']);
  expect(texts(opening, opening)).toEqual([]);
  expect(texts(opening, view())).toEqual([
    'attempt 1: syncing on host-a:4711, resumed from orders {"updated_at":"2026-02-28"}',
    'checkpoint: 100,000 records committed (10.2 MB)',
  ]);
  const failed = view({
    attempts: [attempt({ attempt: 2, state: 'scheduled', lastFailure: failure })],
  });
  expect(texts(view(), failed)).toEqual([
    'attempt 1 failed: source transient_error: The source lost its connection. (db.example.com:5432) Check the database.',
  ]);
  const second = view({
    attempts: [
      attempt({
        attempt: 2,
        lastFailure: failure,
        progress: progress({ attempt: 2, resumedFrom: {} }),
      }),
    ],
  });
  expect(texts(failed, second)).toEqual(['attempt 2: syncing on host-a:4711, from the start']);
  expect(texts(second, second)).toEqual([]);
});

test('tells that a second attempt failed although the failure reads the same', () => {
  const after = (n: number) =>
    view({ attempts: [attempt({ attempt: n, state: 'scheduled', lastFailure: failure })] });
  expect(texts(after(2), after(3))[0]).toMatch(/^attempt 2 failed/);
});

test('tells each notice once', () => {
  const noticed = (...notices: string[]) =>
    view({ attempts: [attempt({ progress: progress({ notices }) })] });
  expect(texts(noticed('a'), noticed('a', 'b'))).toEqual(['note: b']);
});

test('means the rate over the window, and starts anew with a new attempt', () => {
  const at = (records: number, attemptNo: number) =>
    view({
      attempts: [
        attempt({
          progress: progress({
            attempt: attemptNo,
            streams: [{ ...progress().streams[0]!, records }],
          }),
        }),
      ],
    });
  const one = sampled([], at(1_000, 1), 0);
  expect(rateOf(one)('orders')).toBe(0);
  const two = sampled(one, at(5_000, 1), 2_000);
  expect(rateOf(two)('orders')).toBe(2_000);
  const late = sampled(two, at(5_000, 1), 11_000);
  expect(rateOf(late)('orders')).toBe(0);
  const next = sampled(two, at(100, 2), 3_000);
  expect(rateOf(next)('orders')).toBe(0);
});

test('sums a sync up', () => {
  expect(summaryText(summary())).toEqual([
    'sync 3 succeeded: 200,000 records (20.4 MB) in 1 stream, 2 attempts, 2m00s',
    '4 values did not fit and became NULL (see _airbyte_meta.changes)',
    'STREAM  RECORDS    BYTES  NULLED  STATUS',
    'orders  200,000  20.4 MB       4  COMPLETE',
  ]);
});

test('tells in the summary what a warehouse is paid for', () => {
  const cost = { commits: 1, stagedBytes: 2_048, busyMs: 500 };
  expect(summaryText(summary({ cost }))).toContain(
    'in the warehouse: 1 commit, 2.0 KB staged, busy for 0.5s',
  );
});

test('tells in the summary what the destination turned away, and of which streams', () => {
  const streams = summary().streams.map((one) => ({ ...one, rejected: 1_200 }));
  expect(summaryText(summary({ streams, rejected: 1_203 }))).toContain(
    '1,203 records turned away by the destination, and not there (orders: 1,200)',
  );
});

test('ends the summary of a failed sync with what to do', () => {
  const lines = summaryText(summary({ outcome: 'failed', failure }));
  expect(lines[0]).toMatch(/^sync 3 failed/);
  expect(lines.at(-1)).toBe(
    'source transient_error: The source lost its connection. (db.example.com:5432) Check the database.',
  );
});

test('lists connections, also one whose worker does not answer', () => {
  const listed = [
    { name: 'orders', state: connectionState() },
    { name: 'silent', state: null },
  ];
  expect(listText(listed, now)).toEqual([
    'NAME    COPIES              NOW                LAST SYNC         CHECKPOINT  SCHEDULE',
    'orders  postgres to duckdb  idle               succeeded 0s ago  1m00s ago   every 15m',
    'silent                      no worker answers',
  ]);
  expect(listText([], now)[0]).toContain('tidemark apply');
});

test('shows one connection with its schedule, syncs and checkpoints', () => {
  const state = connectionState({
    history: [summary({ outcome: 'failed', failure })],
    label: 'host-a',
  });
  const schedule = { paused: true, note: 'database upgrade', next: [] };
  const text = connectionText(state, schedule, now).join('\n');
  expect(text).toContain('orders: postgres to duckdb');
  expect(text).toContain('schedule: every 15m, paused: database upgrade');
  expect(text).toContain('runs on workers with the label host-a');
  expect(text).toContain('now: idle');
  expect(text).toContain('Check the database.');
  expect(text).toMatch(/orders\s+1m00s\s+3\s+200,000/);
});

test('shows what the next sync has yet to carry out', () => {
  const pending = connectionState({
    minimumGenerations: { [id('a')]: 4, [id('b')]: 4, [id('c')]: 0, [id('d')]: 4 },
    clearing: [id('a')],
  });
  const text = connectionText(pending, null, now).join('\n');
  expect(text).toContain('pending: clear a (');
  expect(text).toContain('pending: refresh b, d (');
  expect(text).toContain('pending: refresh --keep c (');
  const all = connectionState({ minimumGenerations: { [everyStream]: 4, [id('b')]: 0 } });
  expect(connectionText(all, null, now).join('\n')).toContain('pending: refresh every stream (');
  expect(connectionText(connectionState(), null, now).join('\n')).not.toContain('pending');
});

test('prints a state exactly, with numbers past 2^53', () => {
  const [checkpoint] = Object.values(connectionState().checkpoints);
  const lines = checkpointText(checkpoint!);
  expect(lines[0]).toBe(
    'orders: edition 0, epoch 3/1772366300000, seq 7, 200,000 records in sync 3, committed 2026-03-01T11:59:00.000Z',
  );
  expect(lines[1]).toContain('"id":9007199254740993');
});

test('what changed at the source is in the live display, the summary and the status', () => {
  const expected = [
    'the source changed (not taken over):',
    '  + orders.note (string)',
    '  … and 4 more',
  ];
  const live = frame(view({ attempts: [attempt({ progress: progress({ schema }) })] }), options);
  const ended = summary({ schema });
  const status = connectionText(connectionState({ history: [ended] }), null, now);
  expect(live).toEqual(expect.arrayContaining(expected));
  expect(summaryText(ended)).toEqual(expect.arrayContaining(expected));
  expect(status).toEqual(expect.arrayContaining(expected.map((line) => `  ${line}`)));
});
