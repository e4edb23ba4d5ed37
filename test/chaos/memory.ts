import { openCluster, testPolicy } from '../support/cluster.ts';
import { peakMemoryOf } from '../support/processes.ts';
import { defaultCadence } from '../../protocol/index.ts';
import type { Finding } from './finding.ts';

const megabyte = 1_000_000;
const recordBytes = 1_000;
const records = 1_000_000;
/** The source gives ten times as much. */
const bytesPerSecond = 20 * megabyte;
const peakBytesMax = 300 * megabyte;

/** 1 GB of records into a Postgres that takes 20 MB a second, with the batch size that everyone gets. */
export async function memoryUnderLoad(): Promise<Finding> {
  const cluster = await openCluster({ target: 'postgres', proxied: true });
  try {
    const worker = await cluster.worker();
    cluster.target.proxy!.throttle(bytesPerSecond);
    const { name } = await cluster.connection({
      source: { records, padBytes: recordBytes, stateEvery: 1_000 },
      policy: {
        ...testPolicy,
        commitIntervalMsMin: defaultCadence.intervalMsMin,
        commitIntervalMsMax: defaultCadence.intervalMsMax,
        batchBytesMax: defaultCadence.batchBytesMax,
      },
    });
    const startedAt = Date.now();
    const sync = await cluster.client.startSync(name);
    const { outcome, bytes } = await sync.result();
    const peak = peakMemoryOf(worker.pid);
    const { missing, twice } = await cluster.target.held('items', records);
    return {
      what: 'memory, slow Postgres',
      facts: {
        'GB read': (bytes / 1e9).toFixed(2),
        seconds: Math.round((Date.now() - startedAt) / 1_000),
        'worker peak RSS, MB': Math.round(peak / megabyte),
        lost: missing,
        'written twice': twice,
      },
      broken: [
        ...(outcome === 'succeeded' ? [] : [`the sync ${outcome}`]),
        ...(peak <= peakBytesMax
          ? []
          : [`the worker's peak is above ${peakBytesMax / megabyte} MB`]),
        ...(missing + twice === 0 ? [] : ['the rows are not exactly once']),
      ],
    };
  } finally {
    await cluster.close();
  }
}
