import { Registry } from 'prom-client';
import type { AttemptMeters, Meters, Observed } from '../activities/meters.ts';
import type { Counts } from '../protocol/index.ts';
import { createSeries } from './metric-series.ts';

/** Connections that have series of their own; those beyond share the label `other`. */
export const connectionsMax = 200;
export const otherConnections = 'other';
/** How long the series of a connection outlive its last attempt here, ms: those of a daily sync last until the next one. */
export const forgetMs = 25 * 3_600_000;

export interface Metrics {
  readonly meters: Meters;
  readonly registry: Registry;
  /** All metrics as Prometheus' text, as they are now. */
  text(this: void): Promise<string>;
}

export interface MetricsOptions {
  readonly writeSlots: number;
  /** ms; for tests. */
  readonly clock?: () => number;
}

interface Running {
  readonly look: () => Observed;
  /** What of its reading is counted already. */
  counted: Counts;
}

/** A connection, or all those that share a label. */
interface Row {
  readonly label: string;
  readonly running: Set<Running>;
  endedAt: number;
}

const nothing: Counts = { records: 0, bytes: 0 };

/** What this process's write attempts do, for Prometheus. Invariant 7: series are bounded in number and in age. */
export function createMetrics({ writeSlots, clock = Date.now }: MetricsOptions): Metrics {
  const registry = new Registry();
  const series = createSeries(registry);
  const rows = new Map<string, Row>();

  function forgetOld(): void {
    for (const [label, { running, endedAt }] of rows) {
      if (running.size > 0 || clock() - endedAt <= forgetMs) continue;
      rows.delete(label);
      series.remove(label);
    }
  }

  function rowOf(connection: string): Row {
    const named = [...rows.keys()].filter((label) => label !== otherConnections).length;
    const isNamed = rows.has(connection) || named < connectionsMax;
    const label = isNamed ? connection : otherConnections;
    const known = rows.get(label);
    if (known !== undefined) return known;
    const row: Row = { label, running: new Set(), endedAt: clock() };
    rows.set(label, row);
    series.begin(label);
    return row;
  }

  function countRead({ label }: Row, one: Running): Observed {
    const seen = one.look();
    series.read(label, minus(seen.read, one.counted));
    one.counted = seen.read;
    return seen;
  }

  function attempt(connection: string, look: () => Observed): AttemptMeters {
    forgetOld();
    const row = rowOf(connection);
    const own: Running = { look, counted: nothing };
    row.running.add(own);
    series.started.inc({ connection: row.label });
    return {
      checkpoint(committed, commitMs) {
        series.checkpoint(row.label, committed, clock());
        if (commitMs !== undefined)
          series.commits.observe({ connection: row.label }, commitMs / 1_000);
      },
      ended(outcome) {
        if (!row.running.delete(own)) return;
        countRead(row, own);
        row.endedAt = clock();
        series.ended.inc({ connection: row.label, outcome });
      },
    };
  }

  function look(row: Row): number {
    const seen = [...row.running].map((one) => countRead(row, one));
    series.show(row.label, seen);
    return seen.length;
  }

  return {
    meters: { attempt },
    registry,
    async text() {
      forgetOld();
      let used = 0;
      for (const row of rows.values()) used += look(row);
      series.slotsUsed.set(used);
      series.slotsFree.set(writeSlots - used);
      return registry.metrics();
    },
  };
}

function minus(a: Counts, b: Counts): Counts {
  return { records: a.records - b.records, bytes: a.bytes - b.bytes };
}
