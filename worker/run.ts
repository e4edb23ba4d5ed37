import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from '@temporalio/common';
import { collectDefaultMetrics } from 'prom-client';
import { createActivities, type Connectors } from '../activities/index.ts';
import type { Meters } from '../activities/meters.ts';
import { dataConverter } from '../workflows/data-converter.ts';
import { hostQueue } from '../workflows/messages.ts';
import { workflowBundle } from './bundle.ts';
import type { WorkerConfig } from './config.ts';
import { connect, type Connections } from './connect.ts';
import { readConnectorsFile, type ConnectorsFile } from './connectors-file.ts';
import { openEndpoint, type Endpoint } from './endpoint.ts';
import { askTemporalOf, createHealth, type Health } from './health.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { Process } from './process.ts';
import { createPrograms, type Programs } from './programs.ts';
import { createConnectors, type Natives } from './registry.ts';
import { createWorkers, type Workers } from './worker.ts';

export interface RunOptions extends Process {
  /** The systems that this process itself speaks to. */
  readonly natives: Natives;
  readonly onReady: (ready: Ready) => void;
}

/** What a worker tells when it polls. */
export interface Ready {
  readonly address: string;
  readonly namespace: string;
  readonly taskQueue: string;
  readonly label: string;
  readonly connectors: readonly string[];
  readonly connectorsFile: string | null;
  readonly queues: readonly string[];
  readonly pid: number;
}

/** One line for people. */
export function describeReady(ready: Ready): string {
  const { address, namespace, taskQueue, label, connectors, connectorsFile } = ready;
  return `Worker ready: queue ${taskQueue} at ${address} (namespace ${namespace}), label ${label}, connectors ${connectors.join(', ')}${connectorsFile === null ? ' (no connectors.yaml)' : ` (${connectorsFile})`}. Ctrl-C drains and ends it.`;
}

/**
 * Runs a worker in this process until `stop` aborts and it has drained to a checkpoint. Rejects when it cannot start (a SyncError) or a
 * worker of the SDK fails. Once per process: the SDK's runtime is one.
 */
export async function runWorker(options: RunOptions): Promise<void> {
  const { config, logger, stop } = options;
  const metrics = createMetrics({ writeSlots: config.writeSlots });
  let running: Running | null = null;
  const health = createHealth({
    stop,
    workers: () => running?.workers ?? null,
    askTemporal: async () => running?.askTemporal(),
  });
  const address = config.metricsAddress;
  const endpoint = address === null ? null : await observe(address, metrics, health, logger);
  try {
    await serve(options, metrics.meters, (now) => (running = now));
  } finally {
    await endpoint?.close();
  }
}

/** What the workers are asked about. */
interface Running {
  readonly workers: Workers;
  readonly askTemporal: () => Promise<void>;
}

async function observe(
  address: string,
  { registry, text }: Metrics,
  health: Health,
  logger: Logger,
): Promise<Endpoint> {
  const { contentType } = registry;
  const endpoint = await openEndpoint({ address, metrics: text, contentType, health, logger });
  // Those of the process cost a little, so they are only had where somebody may look.
  collectDefaultMetrics({ register: registry });
  logger.info('Metrics and health', { url: endpoint.url });
  return endpoint;
}

async function serve(
  options: RunOptions,
  meters: Meters,
  onRunning: (running: Running) => void,
): Promise<void> {
  const { config, natives, redactor, logger, stop, onReady } = options;
  for (const warning of config.warnings) logger.warn(warning);
  const file = readConnectorsFile(config.connectorsFile, Object.keys(natives), config.cwd);
  const programs = createPrograms({ config, file, redactor });
  const swept = programs.sweep();
  if (swept > 0) logger.info('Removed what dead workers left', { directories: swept });
  const sweeping = sweepContainers(programs, logger, stop);
  const { environment } = config;
  const connectors = createConnectors({
    file,
    natives,
    protocol: programs,
    environment,
    redactor,
    keys: config.keys,
  });
  const [encrypts, ...others] = config.keys.ids;
  if (encrypts !== undefined)
    logger.info('Config updates of connectors are kept', { key: encrypts, others });
  const connections = await connect({
    temporal: config.temporal,
    dataConverter,
    notify: (line) => logger.warn(line),
    signal: stop,
  });
  if (connections === null) return;
  try {
    await sweeping;
    const workers = await createProcessWorkers({ config, logger, connectors, connections, meters });
    const running = workers.run();
    onRunning({ workers, askTemporal: askTemporalOf(connections.client) });
    if (stop.aborted) workers.shutdown();
    else onReady(readyOf(config, file, workers.queues));
    stop.addEventListener('abort', () => workers.shutdown(), { once: true });
    await running;
  } finally {
    // A worker that was forced to end never lets go of its connection; why it was is what matters.
    await connections
      .close()
      .catch((error: unknown) => logger.debug('Connection not closed', { error }));
  }
}

/** Never rejects: without a daemon there is no container to remove either, and who needs one is told so. */
async function sweepContainers(
  programs: Programs,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  try {
    const containers = await programs.sweepContainers(signal);
    if (containers > 0) logger.info('Removed containers that dead workers left', { containers });
  } catch (error) {
    logger.warn('Containers that dead workers left could not be looked for', { error });
  }
}

interface ProcessWorkersDeps {
  readonly config: WorkerConfig;
  readonly logger: Logger;
  readonly connectors: Connectors;
  readonly connections: Connections;
  readonly meters: Meters;
}

async function createProcessWorkers(deps: ProcessWorkersDeps): Promise<Workers> {
  const { config, logger, connectors, connections, meters } = deps;
  const { taskQueue, label, writeSlots, shutdownForceMs } = config;
  const own = hostQueue(taskQueue, `${label}-${process.pid}-${randomBytes(4).toString('hex')}`);
  const name = `${hostname()}/${process.pid}`;
  const activities = createActivities({
    connectors,
    client: connections.client,
    controlQueue: taskQueue,
    hostQueue: own,
    label,
    worker: name,
    writersMax: writeSlots,
    meters,
  });
  return createWorkers({
    activities,
    workflowBundle: await workflowBundle(logger),
    native: connections.native,
    dataConverter,
    namespace: config.temporal.namespace,
    taskQueue,
    label,
    hostQueue: own,
    name,
    writeSlots,
    shutdownForceMs,
    deployment: config.deployment,
  });
}

function readyOf(config: WorkerConfig, file: ConnectorsFile, queues: readonly string[]): Ready {
  return {
    address: config.temporal.connectionOptions.address ?? 'localhost:7233',
    namespace: config.temporal.namespace,
    taskQueue: config.taskQueue,
    label: config.label,
    connectors: [...file.entries.keys()],
    connectorsFile: file.path,
    queues,
    pid: process.pid,
  };
}
