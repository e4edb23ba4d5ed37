import { setInterval } from 'node:timers';
import { warehouseCadence } from '../../connectors/kit/warehouse/loader.ts';
import { defaultPolicy, type SyncSummary } from '../../client/index.ts';
import type { Finding } from '../../test/chaos/finding.ts';
import { openCluster, sourceUrlVariable, type Cluster } from '../../test/support/cluster.ts';
import type { TestDatabase } from '../../test/support/postgres.ts';
import {
  cpuSecondsOf,
  filesBelow,
  peakMemoryOf,
  residentMemoryOf,
} from '../../test/support/processes.ts';
import { remainsIn, type WarehouseKind } from '../../test/support/warehouse.ts';

/** A commit each time so much waits: several of them, where everybody's batch would be the whole table. */
const cadence = {
  batchBytesMax: 64 * 1024 * 1024,
  commitIntervalMsMin: warehouseCadence.intervalMsMin,
  commitIntervalMsMax: warehouseCadence.intervalMsMax,
};
const sampleMs = 500;
/** The last fifth of the sync may hold so much more than the second one, which is past what is loaded and compiled once. */
const growthMax = 1.25;
/** Of a shorter run nothing is said: it never comes to rest. ms */
const judgedMsMin = 60_000;
/** What the table's name is, and that of its stream. */
const stream = 'items';

export interface Volume {
  readonly database: TestDatabase;
  readonly rows: number;
  /** Of the emulator; none: it is a service, or unknown. */
  readonly emulator: readonly number[];
}

/** One sync of the whole table, by a worker that has copied nothing before, and what it held and left. */
export async function copyInto(kind: WarehouseKind, volume: Volume): Promise<Finding> {
  const { database, rows, emulator } = volume;
  const cluster = await openCluster({ target: kind });
  try {
    const connection = await apply(cluster);
    const { pid } = await cluster.worker({ [sourceUrlVariable]: database.url });
    const [cpu, begun] = [cpuSecondsOf(pid), performance.now()];
    const samples: number[] = [];
    const timer = setInterval(() => samples.push(residentMemoryOf(pid)), sampleMs);
    const sync = await cluster.client.startSync(connection);
    const summary = await sync.result().finally(() => clearInterval(timer));
    const seconds = (performance.now() - begun) / 1_000;
    const cpuSeconds = cpuSecondsOf(pid) - cpu;
    const held = await cluster.target.held(stream, rows);
    const remains = [
      ...(await remainsIn(cluster.target.warehouse!)),
      ...filesBelow(cluster.temporary),
    ];
    const [early, late] = [fifth(samples, 1), fifth(samples, 4)];
    return {
      what: `into ${kind}`,
      facts: {
        rows: held.rows,
        'JSON, MB': Math.round(summary.bytes / 1e6),
        'wall s': seconds.toFixed(0),
        'rows a second': Math.round(rows / seconds),
        'worker CPU s': cpuSeconds.toFixed(0),
        'RSS early, MB': Math.round(early / 1e6),
        'at the end': Math.round(late / 1e6),
        'at most': Math.round(peakMemoryOf(pid) / 1e6),
        'emulator, MB': Math.round(emulator.reduce((sum, one) => sum + peakMemoryOf(one), 0) / 1e6),
        'left behind': remains.length,
      },
      broken: brokenBy({
        ...{ rows, summary, held, remains, early, late },
        isShort: seconds * 1_000 < judgedMsMin,
      }),
    };
  } finally {
    await cluster.close();
  }
}

const apply = (cluster: Cluster): Promise<string> =>
  cluster.apply({
    source: { connector: 'postgres', config: { url: `\${env:${sourceUrlVariable}}` } },
    // Nothing hides a row that comes twice.
    streams: [
      {
        ...{ name: stream, namespace: 'public' },
        ...{ sync_mode: 'full_refresh', destination_sync_mode: 'append' },
      },
    ],
    namespace: cluster.target.warehouse!.schema,
    policy: { ...defaultPolicy, ...cadence },
  });

/** The most of the n-th of five parts of a run, 0 to 4. */
function fifth(samples: readonly number[], n: number): number {
  const share = samples.length / 5;
  return Math.max(...samples.slice(Math.floor(n * share), Math.ceil((n + 1) * share)));
}

interface Outcome {
  readonly rows: number;
  readonly summary: SyncSummary;
  readonly held: { readonly rows: number; readonly missing: number; readonly twice: number };
  readonly remains: readonly string[];
  readonly early: number;
  readonly late: number;
  readonly isShort: boolean;
}

function brokenBy({
  rows,
  summary,
  held,
  remains,
  early,
  late,
  isShort,
}: Outcome): readonly string[] {
  const rules: readonly (readonly [boolean, string])[] = [
    [summary.outcome === 'succeeded', `the sync ${summary.outcome}`],
    [summary.records === rows, `${summary.records} of ${rows} records counted`],
    [held.rows === rows && held.missing === 0 && held.twice === 0, 'the rows are not exactly once'],
    [remains.length === 0, `left behind: ${remains.join(', ')}`],
    [isShort || late <= early * growthMax, 'the worker’s memory grows'],
  ];
  return rules.flatMap(([isKept, what]) => (isKept ? [] : [what]));
}
