import { defaultPolicy } from '../../client/index.ts';
import { defaultCadence } from '../../protocol/index.ts';
import { connectionWorkflowId } from '../../workflows/messages.ts';
import { holdCrowd, type Crowd } from '../e2e/crowd.ts';
import { openCluster, type ConnectionOptions } from '../support/cluster.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { peakMemoryOf } from '../support/processes.ts';
import type { Finding } from './finding.ts';

const megabyte = 1_000_000;
/** Of one run of a workflow: Temporal suggests to continue as new at 4,096 events. */
const eventsMax = 5_000;
/** The server ends a workflow at 50 MiB. */
const historyBytesMax = 20 * megabyte;

interface LargeLoad {
  readonly what: string;
  readonly target: TargetKind;
  readonly source: NonNullable<ConnectionOptions['source']>;
  readonly bytesPerSecond?: number;
  readonly peakBytesMax: number;
}

const everyone = {
  commitIntervalMsMin: defaultCadence.intervalMsMin,
  commitIntervalMsMax: defaultCadence.intervalMsMax,
  batchBytesMax: defaultCadence.batchBytesMax,
  heartbeatTimeoutMs: defaultPolicy.heartbeatTimeoutMs,
};

const loads: readonly LargeLoad[] = [
  {
    what: '1,000 states of 5 MB',
    target: 'duckdb',
    source: { records: 100_000, stateEvery: 100, stateBytes: 5 * megabyte },
    peakBytesMax: 900 * megabyte,
  },
  {
    what: '1,000,000 states, one a record',
    target: 'postgres',
    source: { records: 1_000_000, stateEvery: 1 },
    peakBytesMax: 400 * megabyte,
  },
  {
    what: '2,000 rows of 1 MB, 20 MB/s',
    target: 'postgres',
    source: { records: 2_000, padBytes: megabyte, stateEvery: 10 },
    bytesPerSecond: 20 * megabyte,
    peakBytesMax: 500 * megabyte,
  },
  {
    what: '50 rows of 20 MB',
    target: 'postgres',
    source: { records: 50, padBytes: 20 * megabyte, stateEvery: 5 },
    peakBytesMax: 700 * megabyte,
  },
  {
    what: '10,000 streams',
    target: 'files',
    source: {
      streams: Array.from({ length: 10_000 }, (_, i) => `table_number_${i}`),
      records: 2,
      stateEvery: 2,
    },
    peakBytesMax: 700 * megabyte,
  },
];

/** Sizes near every limit: large states, many states, large rows, many streams. `only`: whose name has this in it. */
export const largeLoads = (only = ''): readonly (() => Promise<Finding>)[] =>
  loads.filter(({ what }) => what.includes(only)).map((load) => () => carry(load));

/** Many connections for few slots. */
export const crowds = (): readonly (() => Promise<Finding>)[] =>
  fullCrowds.map((crowd) => () => crowded(crowd));

async function carry({
  what,
  target,
  source,
  bytesPerSecond,
  peakBytesMax,
}: LargeLoad): Promise<Finding> {
  const cluster = await openCluster({ target, proxied: target === 'postgres' });
  try {
    const worker = await cluster.worker();
    if (bytesPerSecond !== undefined) cluster.target.proxy!.throttle(bytesPerSecond);
    const { name, spec } = await cluster.connection({ source, policy: everyone });
    const startedAt = Date.now();
    const sync = await cluster.client.startSync(name);
    const { outcome, records, attempts } = await sync.result();
    const seconds = Math.round((Date.now() - startedAt) / 1_000);
    const peak = peakMemoryOf(worker.pid);
    const { checkpoints } = await cluster.client.status(name);
    const counted = Object.values(checkpoints).reduce((sum, one) => sum + one.records, 0);
    const streams = spec.streams ?? [];
    const wanted = streams.length * source.records!;
    const { missing, twice } = await cluster.target.held(streams.at(-1)!.name, source.records!);
    const of = async (id: string) => cluster.temporal.workflow.getHandle(id).describe();
    const [own, connection] = [await of(sync.workflowId), await of(connectionWorkflowId(name))];
    const events = Math.max(own.historyLength, connection.historyLength);
    const bytes = Math.max(own.historySize ?? 0, connection.historySize ?? 0);
    return {
      what,
      facts: {
        ...{ seconds, records, attempts },
        'in checkpoints': counted,
        'events of a run, at most': events,
        'its history, kB': Math.round(bytes / 1_000),
        'worker peak RSS, MB': Math.round(peak / megabyte),
      },
      broken: [
        ...told(
          outcome !== 'succeeded' || attempts !== 1,
          `the sync ${outcome}, attempt ${attempts}`,
        ),
        ...told(records !== wanted || counted !== wanted, 'the counts do not add up'),
        ...told(missing + twice > 0, 'the rows are not exactly once'),
        ...told(events > eventsMax || bytes > historyBytesMax, 'the history is large'),
        ...told(peak > peakBytesMax, `the worker's peak is above ${peakBytesMax / megabyte} MB`),
      ],
    };
  } finally {
    await cluster.close();
  }
}

const told = (isBroken: boolean, what: string): readonly string[] => (isBroken ? [what] : []);

const fullCrowds: readonly Crowd[] = (['both queues', 'label queue'] as const).map((mix) => ({
  ...{ connections: 50, slots: 4, records: 2_000, recordsPerSecond: 2_000, mix },
}));
const crowdPeakBytesMax = 700 * megabyte;

async function crowded(crowd: Crowd): Promise<Finding> {
  const cluster = await openCluster({ target: 'postgres' });
  try {
    const { succeeded, atOnce, waits, ms, attemptsMax, lost, peakBytes } = await holdCrowd(
      cluster,
      crowd,
    );
    return {
      what: `${crowd.connections} connections, ${crowd.slots} write slots, ${crowd.mix}`,
      facts: {
        seconds: Math.round(ms / 1_000),
        'at once': atOnce,
        'waited, median s': Math.round(waits[waits.length >> 1]! / 1_000),
        'waited, at most s': Math.round(waits.at(-1)! / 1_000),
        'attempts, at most': attemptsMax,
        lost,
        'worker peak RSS, MB': Math.round(peakBytes / megabyte),
      },
      broken: [
        ...told(succeeded !== crowd.connections, `only ${succeeded} succeeded`),
        ...told(atOnce > crowd.slots, 'more wrote at once than there are slots'),
        ...told(peakBytes > crowdPeakBytesMax, 'the memory is above its limit'),
      ],
    };
  } finally {
    await cluster.close();
  }
}
