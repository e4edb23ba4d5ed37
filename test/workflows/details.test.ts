import {
  newConnection,
  type CadenceFacts,
  type Progress,
  type SchemaChanges,
  type SyncSummary,
} from '../../protocol/index.ts';
import { connectionDetails, grouped, size, syncDetails } from '../../workflows/details.ts';
import { id, streamState } from '../support/items.ts';
import { testPolicy } from './house.ts';

const end = { connector: 'x', config: {} };
const spec = { name: 'orders|`evil`', source: end, destination: end, policy: testPolicy };

const checkpoint = {
  scope: id('shop/orders'),
  edition: 1,
  epoch: { syncNo: 2, at: 1 },
  seq: 3,
  state: streamState(id('orders'), 'a | b ` c').state,
  records: 1_234_567,
  bytes: 2_048,
  committedAt: '2026-01-01T00:00:00.000Z',
};

const progress: Progress = {
  phase: 'syncing',
  attempt: 2,
  epoch: { syncNo: 2, at: 1 },
  worker: 'host/1',
  startedAt: '',
  read: { records: 0, bytes: 0 },
  committed: { records: 1_234_567, bytes: 2_048 },
  lastCheckpointAt: '2026-01-01T00:00:00.000Z',
  waiting: { states: 0, bytes: 0 },
  resumedFrom: {},
  streams: [],
  streamCount: 1,
  late: 'the source has sent no state for 16 min',
};

const summaryOf = (more: Partial<SyncSummary>): SyncSummary => ({
  ...{ syncNo: 2, workflowId: '', startedAt: '', endedAt: '', streams: [], streamCount: 0 },
  ...{ outcome: 'succeeded', records: 5, bytes: 10, attempts: 3 },
  ...more,
});

const shown = {
  connection: 'orders',
  syncNo: 2,
  segment: 1,
  progress,
  summary: null,
  pause: null,
};

test('a running sync shows who is late and each stream with its last checkpoint and state', () => {
  const text = syncDetails({ ...shown, checkpoints: { 'shop/orders': checkpoint } });
  expect(text).toContain('attempt 2 on host/1 · 1,234,567 records committed');
  expect(text).toContain('**Late:** the source has sent no state for 16 min');
  const row = text.split('\n').at(-1)!;
  expect(row).toMatch(
    /^\| shop\.orders \| 1,234,567 \| 2\.0 KiB \|  \| 2026-01-01T00:00:00\.000Z \| `/,
  );
  expect(row.replaceAll('\\|', '').split('|')).toHaveLength(8);
});

test('what is waited for is shown, until when and why', () => {
  const until = '2026-01-02T14:05:00.000Z';
  const textOf = (more: Partial<Progress>): string =>
    syncDetails({ ...shown, progress: { ...progress, ...more }, checkpoints: {} });
  expect(textOf({ rateLimit: { stream: id('a|b'), until } })).toContain(
    `**Rate limit:** stream a\\|b waits for the source's rate limit until ${until}`,
  );
  const failure = { kind: 'transient_error', origin: 'source', message: 'Lost.' } as const;
  expect(textOf({ next: { at: until, failure } })).toContain(
    `**Attempt 2 failed:** next attempt at ${until}, because: source transient_error: Lost.`,
  );
  expect(textOf({ next: { at: until, failure: { ...failure, code: 'rate_limited' } } })).toContain(
    `**Attempt 2 failed:** waits for the source's rate limit until ${until}`,
  );
});

test('what commits cost is shown in a line', () => {
  const cadence: CadenceFacts = {
    why: 'interval',
    ...{ commits: 1_234, commitMs: 2_000, msPerMib: 5, intervalMs: 38_000, share: 0.0512 },
  };
  const cost = { commits: 1_300, stagedBytes: 5 * 1024 * 1024, busyMs: 61_000 };
  const line = 'in the warehouse: 1,300 commits, 5.0 MiB staged, busy for 61 s';
  const text = syncDetails({ ...shown, progress: { ...progress, cadence, cost }, checkpoints: {} });
  expect(text).toContain(
    `1,234 commits · the last one: interval · 2,000 ms each · 5.1 % of the time · ${line}`,
  );
  const summary = summaryOf({ outcome: 'succeeded', cost });
  expect(syncDetails({ ...shown, summary, checkpoints: {} })).toContain(` · ${line}`);
});

test('a pause is shown, with its note and how to end it', () => {
  const pause = { since: '2026-01-02T00:00:00.000Z', by: 'ada', note: 'a | b' };
  const text = syncDetails({ ...shown, pause, checkpoints: {} });
  expect(text).toContain('**Paused** since 2026-01-02T00:00:00.000Z by ada: a \\| b · goes on');
  expect(text).toContain('tidemark resume orders');
  const ended = summaryOf({ outcome: 'cancelled' });
  expect(syncDetails({ ...shown, pause, summary: ended, checkpoints: {} })).not.toContain('Paused');
  const skipped = { count: 1_234, firstRunId: 'run', at: '' };
  const state = { ...newConnection('id', spec), paused: { ...pause, skipped } };
  expect(connectionDetails(state)).toContain('**Paused** since 2026-01-02');
  expect(connectionDetails(state)).toContain('syncs skipped since: 1,234');
});

test('what changed at the source is shown, of a running sync and of the last one', () => {
  const schema = {
    ...{ id: 'x', taken: false, count: 3 },
    changes: [
      { stream: id('orders'), column: 'a|b', change: 'added', to: 'string' },
      { stream: id('people'), change: 'removed' },
    ],
  } satisfies SchemaChanges;
  const expected =
    /\*\*Schema:\*\* the source changed \(not taken over\):\n\* \+ orders\.a\\\|b \(string\)\n\* - stream people\n\* … and 1 more/;
  expect(syncDetails({ ...shown, progress: { ...progress, schema }, checkpoints: {} })).toMatch(
    expected,
  );
  const ended = { ...summaryOf({ schema }) };
  expect(syncDetails({ ...shown, summary: ended, checkpoints: {} })).toMatch(expected);
  const state = { ...newConnection('uuid', spec), history: [ended] };
  expect(connectionDetails(state)).toMatch(expected);
});

test('an ended sync shows its outcome, and what to do about its failure', () => {
  const summary = {
    syncNo: 2,
    workflowId: '',
    startedAt: '',
    endedAt: '',
    streams: [],
    streamCount: 0,
    outcome: 'failed',
    records: 5,
    bytes: 10,
    attempts: 3,
    failure: { kind: 'config_error', origin: 'source', message: 'No.', remedy: 'Set it.' },
  } satisfies SyncSummary;
  const text = syncDetails({ ...shown, summary, checkpoints: {} });
  expect(text).toContain('**failed** · 5 records · 10 B · attempts: 3');
  expect(text).toContain('No. Set it.');
});

test('a connection shows its checkpoints and last syncs, at most a hundred scopes', () => {
  const scopes = Array.from({ length: 150 }, (_, n) => [
    `s${n}`,
    { ...checkpoint, scope: id(`s${n}`) },
  ]);
  const text = connectionDetails({
    ...newConnection('uuid', spec),
    checkpoints: Object.fromEntries(scopes),
  });
  expect(text).toContain('… and 50 more');
  expect(text).toContain('orders\\|\\`evil\\`');
  expect(text.length).toBeLessThan(20_000);
});

test('a connection shows what the next sync has yet to carry out', () => {
  const text = connectionDetails({
    ...newConnection('uuid', spec),
    minimumGenerations: { [id('a|')]: 4, [id('shop/b')]: 4, [id('c')]: 0 },
    clearing: [id('a|')],
  });
  expect(text).toContain('the next sync empties a\\|');
  expect(text).toContain('in the place of the old rows: shop.b  \n');
  expect(text).toContain('beside the old rows: c');
  expect(connectionDetails(newConnection('uuid', spec))).not.toContain('rows');
});

test('numbers are for people', () => {
  expect([grouped(0), grouped(999), grouped(1_000), grouped(12_345_678)]).toEqual([
    '0',
    '999',
    '1,000',
    '12,345,678',
  ]);
  expect([size(0), size(1_536), size(3 * 1024 ** 3)]).toEqual(['0 B', '1.5 KiB', '3.0 GiB']);
});
