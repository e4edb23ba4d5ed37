import { connectionWorkflowId } from '../../../workflows/messages.ts';
import { descendantsOf, openFilesOf, residentMemoryOf } from '../../support/processes.ts';
import type { RunningProcess } from '../../support/processes.ts';
import type { Applied, Cluster } from '../../support/cluster.ts';
import { eventually } from '../../worker/eventually.ts';

/** What a lane holds while no sync of it runs. */
export interface Sample {
  readonly minute: number;
  /** Of the worker that no fault takes, bytes and counts. */
  readonly rss: number;
  readonly openFiles: number;
  /** Processes and files that only a running sync may have, and that stay. */
  readonly left: readonly string[];
  /** Events and bytes of the connection workflow's present run. */
  readonly connectionEvents: number;
  readonly connectionBytes: number;
}

export async function takeSample(
  { cluster, applied, steady }: { cluster: Cluster; applied: Applied; steady: RunningProcess },
  minute: number,
): Promise<Sample> {
  const workflow = cluster.temporal.workflow.getHandle(connectionWorkflowId(applied.name));
  const { historyLength, historySize = 0 } = await workflow.describe();
  return {
    minute,
    rss: residentMemoryOf(steady.pid),
    openFiles: openFilesOf(steady.pid),
    left: await leftBehind(cluster, steady),
    connectionEvents: historyLength,
    connectionBytes: historySize,
  };
}

/** A fenced-off attempt may take so long to notice, and its connector to end. */
const goneMsMax = 60_000;

async function leftBehind(cluster: Cluster, steady: RunningProcess): Promise<readonly string[]> {
  const left = (): readonly string[] => [
    ...cluster.leftovers(),
    ...descendantsOf(steady.pid).map(({ pid }) => `process ${pid} below the worker`),
  ];
  await eventually('all is gone', () => left().length === 0, goneMsMax).catch(() => undefined);
  return left();
}

/** A measure is flat when the last third of the samples is not above the middle third by more than this. The first third warms up. */
const growthMax = { rss: 0.15, openFiles: 5, connectionEvents: 12_000 } as const;

export interface Trend {
  readonly facts: Readonly<Record<string, string | number>>;
  readonly broken: readonly string[];
}

export function trendOf(samples: readonly Sample[]): Trend {
  const third = Math.floor(samples.length / 3);
  const middle = samples.slice(third, 2 * third);
  const last = samples.slice(2 * third);
  const [rss, rssEnd] = [median(middle, 'rss'), median(last, 'rss')];
  const [files, filesEnd] = [median(middle, 'openFiles'), median(last, 'openFiles')];
  const events = Math.max(...samples.map(({ connectionEvents }) => connectionEvents));
  const kilobytes = Math.max(...samples.map(({ connectionBytes }) => connectionBytes)) / 1_000;
  const left = samples.flatMap((sample) => sample.left);
  return {
    facts: {
      samples: samples.length,
      'worker RSS, MB': `${megabytes(rss)} then ${megabytes(rssEnd)}`,
      'open files': `${files} then ${filesEnd}`,
      'processes and files left': left.length,
      'connection history, at most': `${events} events, ${Math.round(kilobytes)} kB`,
    },
    broken: [
      ...(third > 0 ? [] : ['too few samples to tell: soak longer']),
      ...(rssEnd <= rss * (1 + growthMax.rss) ? [] : ['the memory grows']),
      ...(filesEnd <= files + growthMax.openFiles ? [] : ['the open files grow']),
      ...(events <= growthMax.connectionEvents ? [] : ['the history grows']),
      ...(left.length === 0 ? [] : [`left: ${left.slice(0, 3).join('; ')}`]),
    ],
  };
}

const megabytes = (bytes: number): number => Math.round(bytes / 1_000_000);

function median(samples: readonly Sample[], key: 'rss' | 'openFiles'): number {
  const sorted = samples.map((sample) => sample[key]).toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
