import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { attemptOutcomes, type Observed } from '../activities/meters.ts';
import type { Counts } from '../protocol/index.ts';

/** Upper bounds, seconds. */
const commitBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300];
const byConnection = ['connection'] as const;

/** The series, by their names for Prometheus. */
function define(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string) =>
    new Counter({ name, help, registers, labelNames: byConnection });
  const gauge = (name: string, help: string) =>
    new Gauge({ name, help, registers, labelNames: byConnection });
  const readRecords = counter(
    'tidemark_records_read_total',
    'Records that writers took from their sources.',
  );
  const readBytes = counter('tidemark_bytes_read_total', 'Bytes of these records, as they came.');
  const records = counter(
    'tidemark_records_committed_total',
    'Records that became durable with a checkpoint.',
  );
  const bytes = counter('tidemark_bytes_committed_total', 'Bytes of these records, as they came.');
  const checkpoints = counter(
    'tidemark_checkpoints_total',
    'Checkpoints: in each commit the newest state of each scope.',
  );
  const started = counter('tidemark_attempts_started_total', 'Attempts to write that began.');
  const ended = new Counter({
    ...{ name: 'tidemark_attempts_ended_total', help: 'Attempts to write that ended, by how.' },
    ...{ registers, labelNames: ['connection', 'outcome'] as const },
  });
  const commits = new Histogram({
    ...{ name: 'tidemark_commit_duration_seconds', help: 'Commits of native destinations.' },
    ...{ registers, labelNames: byConnection, buckets: commitBuckets },
  });
  const running = gauge('tidemark_running_syncs', 'Attempts to write that run now.');
  const age = gauge(
    'tidemark_checkpoint_age_seconds',
    'Of a running attempt: since its last checkpoint, or since it began.',
  );
  const overdue = gauge(
    'tidemark_checkpoint_overdue',
    '1: that is more than checkpoint_age_max of its policy.',
  );
  const lastAt = gauge(
    'tidemark_last_checkpoint_timestamp_seconds',
    'When the last checkpoint was made here, Unix time.',
  );
  const slotsUsed = new Gauge({
    name: 'tidemark_write_slots_used',
    help: 'Write slots in use.',
    registers,
  });
  const slotsFree = new Gauge({
    name: 'tidemark_write_slots_free',
    help: 'Write slots that are free.',
    registers,
  });
  return {
    ...{ readRecords, readBytes, records, bytes, checkpoints, started, ended, commits },
    ...{ running, age, overdue, lastAt, slotsUsed, slotsFree },
  };
}

/** What happens to the series of a connection; all but those of the write slots have its label. */
export function createSeries(registry: Registry) {
  const { started, ended, commits, slotsUsed, slotsFree, ...more } = define(registry);
  const { readRecords, readBytes, records, bytes, checkpoints } = more;
  const { running, age, overdue, lastAt } = more;
  const counters = [readRecords, readBytes, records, bytes, checkpoints, started];
  const others = [commits, running, age, overdue, lastAt];

  /** A counter that goes back would throw, and a count must not end a sync. */
  const grow = (one: Counter<'connection'>, connection: string, by: number): void => {
    if (by > 0) one.inc({ connection }, by);
  };

  return {
    ...{ started, ended, commits, slotsUsed, slotsFree },
    /** From zero: an increase from nothing would not be seen. */
    begin(connection: string): void {
      for (const one of counters) one.inc({ connection }, 0);
      for (const outcome of attemptOutcomes) ended.inc({ connection, outcome }, 0);
      commits.zero({ connection });
    },
    read(connection: string, counts: Counts): void {
      grow(readRecords, connection, counts.records);
      grow(readBytes, connection, counts.bytes);
    },
    checkpoint(connection: string, counts: Counts, nowMs: number): void {
      grow(records, connection, counts.records);
      grow(bytes, connection, counts.bytes);
      checkpoints.inc({ connection });
      lastAt.set({ connection }, nowMs / 1_000);
    },
    /** The worst of what runs. An age is only had while something runs: idle is not late. */
    show(connection: string, seen: readonly Observed[]): void {
      running.set({ connection }, seen.length);
      overdue.set({ connection }, seen.some(({ isOverdue }) => isOverdue) ? 1 : 0);
      if (seen.length === 0) age.remove({ connection });
      else age.set({ connection }, Math.max(...seen.map(({ ageMs }) => ageMs)) / 1_000);
    },
    remove(connection: string): void {
      for (const one of [...counters, ...others]) one.remove({ connection });
      for (const outcome of attemptOutcomes) ended.remove({ connection, outcome });
    },
  };
}
