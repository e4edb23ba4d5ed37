import { attemptOutcomes, type Observed } from '../../activities/meters.ts';
import { connectionsMax, createMetrics, forgetMs } from '../../worker/metrics.ts';
import { samplesOf } from './scrape.ts';

let now: number;
let metrics: ReturnType<typeof createMetrics>;
beforeEach(() => {
  now = 1_000_000;
  metrics = createMetrics({ writeSlots: 4, clock: () => now });
});

const scrape = async () => samplesOf(await metrics.text());
const idle: Observed = { read: { records: 0, bytes: 0 }, ageMs: 0, isOverdue: false };

test('an attempt is counted while it runs and after it', async () => {
  let seen = idle;
  const attempt = metrics.meters.attempt('orders', () => seen);
  seen = { read: { records: 7, bytes: 700 }, ageMs: 61_500, isOverdue: true };
  attempt.checkpoint({ records: 5, bytes: 500 }, 250);
  attempt.checkpoint({ records: 1, bytes: 90 }, undefined);
  const during = await scrape();
  const of = (name: string): number | undefined => during.get(`${name}{connection="orders"}`);
  expect(of('tidemark_records_read_total')).toBe(7);
  expect(of('tidemark_bytes_read_total')).toBe(700);
  expect(of('tidemark_records_committed_total')).toBe(6);
  expect(of('tidemark_bytes_committed_total')).toBe(590);
  expect(of('tidemark_checkpoints_total')).toBe(2);
  expect(of('tidemark_commit_duration_seconds_count')).toBe(1);
  expect(of('tidemark_commit_duration_seconds_sum')).toBe(0.25);
  expect(of('tidemark_checkpoint_age_seconds')).toBe(61.5);
  expect(of('tidemark_checkpoint_overdue')).toBe(1);
  expect(of('tidemark_last_checkpoint_timestamp_seconds')).toBe(1_000);
  expect(of('tidemark_running_syncs')).toBe(1);
  expect(during.get('tidemark_write_slots_used')).toBe(1);
  expect(during.get('tidemark_write_slots_free')).toBe(3);

  seen = { ...seen, read: { records: 9, bytes: 900 } };
  attempt.ended('interrupted');
  const after = await scrape();
  const then = (name: string): number | undefined => after.get(`${name}{connection="orders"}`);
  expect(then('tidemark_records_read_total')).toBe(9);
  expect(then('tidemark_bytes_read_total')).toBe(900);
  expect(then('tidemark_checkpoint_overdue')).toBe(0);
  // Idle is not late.
  expect(then('tidemark_checkpoint_age_seconds')).toBeUndefined();
  expect(then('tidemark_last_checkpoint_timestamp_seconds')).toBe(1_000);
  expect(then('tidemark_running_syncs')).toBe(0);
  expect(then('tidemark_attempts_started_total')).toBe(1);
  expect(after.get('tidemark_write_slots_free')).toBe(4);
  for (const outcome of attemptOutcomes)
    expect(
      after.get(`tidemark_attempts_ended_total{connection="orders",outcome="${outcome}"}`),
    ).toBe(outcome === 'interrupted' ? 1 : 0);
});

test('counts of attempts add up, and of two at once the later one is told', async () => {
  const first = metrics.meters.attempt('orders', () => ({
    ...idle,
    read: { records: 3, bytes: 30 },
    ageMs: 9_000,
  }));
  const second = metrics.meters.attempt('orders', () => ({
    ...idle,
    read: { records: 4, bytes: 40 },
    ageMs: 2_000,
  }));
  await scrape();
  const both = await scrape();
  expect(both.get('tidemark_records_read_total{connection="orders"}')).toBe(7);
  expect(both.get('tidemark_checkpoint_age_seconds{connection="orders"}')).toBe(9);
  expect(both.get('tidemark_write_slots_used')).toBe(2);
  first.ended('failed');
  first.ended('failed');
  const one = await scrape();
  expect(one.get('tidemark_checkpoint_age_seconds{connection="orders"}')).toBe(2);
  expect(one.get('tidemark_records_read_total{connection="orders"}')).toBe(7);
  expect(one.get('tidemark_attempts_ended_total{connection="orders",outcome="failed"}')).toBe(1);
  second.ended('done');
});

test('counts that would go back are left out, and do not throw', async () => {
  const attempt = metrics.meters.attempt('orders', () => idle);
  attempt.checkpoint({ records: 2, bytes: 20 }, 1);
  attempt.checkpoint({ records: 1, bytes: -5 }, 1);
  const samples = await scrape();
  expect(samples.get('tidemark_records_committed_total{connection="orders"}')).toBe(3);
  expect(samples.get('tidemark_bytes_committed_total{connection="orders"}')).toBe(20);
});

const labelsIn = (samples: ReadonlyMap<string, number>): Set<string> =>
  new Set(
    [...samples.keys()].flatMap((key) => {
      const found = /connection="([^"]*)"/.exec(key);
      return found === null ? [] : [found[1]!];
    }),
  );

test('connections beyond the limit share one label, and keep it to their end', async () => {
  for (let n = 0; n < connectionsMax + 30; n += 1) {
    const attempt = metrics.meters.attempt(`c${n}`, () => idle);
    attempt.checkpoint({ records: 1, bytes: 1 }, undefined);
    attempt.ended('done');
  }
  const samples = await scrape();
  expect(labelsIn(samples).size).toBe(connectionsMax + 1);
  expect(samples.get('tidemark_records_committed_total{connection="other"}')).toBe(30);
  expect(samples.get('tidemark_records_committed_total{connection="c0"}')).toBe(1);
  // Those that have a label of their own keep it.
  metrics.meters.attempt('c0', () => idle).ended('done');
  expect((await scrape()).get('tidemark_attempts_started_total{connection="c0"}')).toBe(2);
});

test('a connection is forgotten some time after its last attempt, never while one runs', async () => {
  const long = metrics.meters.attempt('long', () => idle);
  const short = metrics.meters.attempt('short', () => idle);
  short.checkpoint({ records: 1, bytes: 1 }, 10);
  short.ended('done');
  now += forgetMs;
  expect(labelsIn(await scrape())).toEqual(new Set(['long', 'short']));
  now += 1;
  expect(labelsIn(await scrape())).toEqual(new Set(['long']));
  long.ended('done');
  now += forgetMs + 1;
  // Also where nobody scrapes: the next attempt makes room.
  for (let n = 0; n < connectionsMax; n += 1)
    metrics.meters.attempt(`c${n}`, () => idle).ended('done');
  const labels = labelsIn(await scrape());
  expect(labels.has('long')).toBe(false);
  expect(labels.has('other')).toBe(false);
  expect(labels.size).toBe(connectionsMax);
});

test('a name with a quote, a line break or a backslash stays one label', async () => {
  metrics.meters.attempt('a"b\\c\nd', () => idle);
  const samples = await scrape();
  expect(samples.get('tidemark_running_syncs{connection="a\\"b\\\\c\\nd"}')).toBe(1);
});
