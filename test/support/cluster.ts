import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import {
  createSyncClient,
  dataConverter,
  defaultPolicy,
  type ConnectionSpec,
  type ConnectorRef,
  type DestinationSyncMode,
  type JsonObject,
  type Policy,
  type SyncClient,
  type SyncHandle,
  type SyncView,
} from '../../client/index.ts';
import { connectionWorkflowId } from '../../workflows/messages.ts';
import { eventually } from '../worker/eventually.ts';
import {
  openTarget,
  s3Variables,
  urlVariable,
  type Target,
  type TargetKind,
} from './cluster-target.ts';
import type { DatabaseOptions } from './postgres.ts';
import type { ExactConfig } from './exact-source.ts';
import { hookVariable, type CommitHook } from './commit-hook.ts';
// Started by their names only: this makes them part of the build.
import type {} from './exact-source-main.ts';
import type {} from './hooked-worker-main.ts';
import type {} from './plain-destination-main.ts';
import {
  builtFile,
  filesBelow,
  processesIn,
  startProcess,
  untilSaid,
  type RunningProcess,
} from './processes.ts';
import { isWarehouse } from './warehouse.ts';

/** Quick enough for tests, slow enough that a busy machine is not taken for a dead one. */
export const heartbeatTimeoutMs = 3_000;
const goneMsMax = 20_000;

/** The name of the exact source in connectors.yaml, and of its secret. */
export const exactConnector = 'exact';
/** That of the plain destination. */
export const plainConnector = 'plain';
export const tokenVariable = 'E2E_TOKEN';
/** Of a database that is a source, for `apply`; a worker is given it. */
export const sourceUrlVariable = 'E2E_SOURCE_URL';
export const tokenValue = 'token-that-nobody-may-see-8c1f';

export const testPolicy: Policy = {
  ...defaultPolicy,
  heartbeatTimeoutMs,
  commitIntervalMsMin: 0,
  commitIntervalMsMax: 1_000,
};

export interface ClusterOptions {
  readonly target: TargetKind;
  /** Default: TEST_TEMPORAL_ADDRESS. */
  readonly address?: string;
  /** Where the workers find it instead: a proxy. */
  readonly workersAddress?: string;
  /** A TCP proxy between the workers and the target's server. */
  readonly proxied?: boolean;
  /** Another server of the target's kind; of Postgres also a place for its tables. */
  readonly server?: DatabaseOptions;
  /** Where a target that is a file or files goes: the caller's. Absent: the cluster's own directory. */
  readonly place?: string;
  /** Where workers put temporary files: the caller's. Absent: below the cluster's own directory. */
  readonly temporary?: string;
}

export interface ConnectionOptions {
  readonly source?: Partial<Omit<ExactConfig, 'directory'>>;
  readonly policy?: Partial<Policy>;
  /** `overwrite` reads in full. */
  readonly destinationSyncMode?: DestinationSyncMode;
  /** Absent: the cluster's target. */
  readonly destination?: ConnectorRef;
}

/** A connection of the cluster, and the directory of its source. */
export interface Applied {
  readonly name: string;
  readonly directory: string;
  readonly spec: ConnectionSpec;
}

/** A place of its own on a Temporal server: task queue, destination, directories, real worker processes. */
export interface Cluster {
  readonly directory: string;
  /** Where its workers put temporary files. */
  readonly temporary: string;
  readonly target: Target;
  readonly taskQueue: string;
  readonly temporal: Client;
  readonly client: SyncClient;
  /** Environment for our programs, the worker and the command line. */
  readonly env: Readonly<Record<string, string>>;
  /** Starts a worker process; it polls when this resolves. */
  worker(env?: Readonly<Record<string, string>>): Promise<RunningProcess>;
  /** One of another build: `program` is the path of its `worker/main.js`. */
  workerOf(program: string, env?: Readonly<Record<string, string>>): Promise<RunningProcess>;
  /** One that sends itself a signal in a commit, or meets the test there. */
  hookedWorker(hook: CommitHook): Promise<RunningProcess>;
  connection(options?: ConnectionOptions): Promise<Applied>;
  /** Stores a connection of another source to the target; resolves to its name. */
  apply(
    options: Pick<ConnectionSpec, 'source' | 'streams' | 'namespace'> & {
      policy?: Partial<Policy>;
    },
  ): Promise<string>;
  /** Processes that name the cluster's directory, and files that only a running sync may have. */
  leftovers(): readonly string[];
  /** Kills the workers. Throws when one of their processes stays behind. */
  close(): Promise<void>;
}

export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const address = options.address ?? process.env['TEST_TEMPORAL_ADDRESS'] ?? '';
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-e2e-')));
  const taskQueue = `e2e-${randomBytes(6).toString('hex')}`;
  const { place = directory, workersAddress = address, proxied = false } = options;
  const where = { kind: options.target, directory: place, proxied };
  const target = await openTarget({ ...where, ...options.server });
  const connection = await Connection.connect({ address });
  const temporal = new Client({ connection, dataConverter });
  const client = await createSyncClient({ client: temporal, taskQueue });
  const state = join(directory, 'state');
  const { temporary = join(directory, 'tmp') } = options;
  mkdirSync(temporary, { recursive: true });
  writeFileSync(join(directory, 'connectors.yaml'), connectorsFile(place, target));
  const env = {
    ...target.env,
    [tokenVariable]: tokenValue,
    HOME: directory,
    TMPDIR: temporary,
    TEMPORAL_ADDRESS: workersAddress,
    TEMPORAL_CONFIG_FILE: join(directory, 'no-profile.toml'),
    TIDEMARK_TASK_QUEUE: taskQueue,
    TIDEMARK_CONNECTORS: join(directory, 'connectors.yaml'),
    TIDEMARK_STATE_DIR: state,
    TIDEMARK_CACHE_DIR: join(directory, 'cache'),
    TIDEMARK_LABEL: taskQueue,
  };
  const workers: RunningProcess[] = [];
  const names: string[] = [];
  const startWorker = async (
    program: string,
    more: Readonly<Record<string, string>>,
  ): Promise<RunningProcess> => {
    const args = ['--json'];
    const worker = startProcess({ program, args, directory, env: { ...env, ...more } });
    workers.push(worker);
    await untilSaid(worker, '"queues"');
    return worker;
  };
  return {
    directory,
    temporary,
    target,
    taskQueue,
    temporal,
    client,
    env,
    worker: (more = {}) => startWorker('worker/main.js', more),
    workerOf: (program, more = {}) => startWorker(program, more),
    hookedWorker: (hook) =>
      startWorker('test/support/hooked-worker-main.js', { [hookVariable]: JSON.stringify(hook) }),
    async connection({
      source,
      policy,
      destinationSyncMode = 'append',
      destination = target.ref,
    } = {}) {
      const name = `e2e-${randomBytes(6).toString('hex')}`;
      const own = join(directory, 'sources', name);
      mkdirSync(own, { recursive: true });
      const config: ExactConfig = { streams: ['items'], records: 100, ...source, directory: own };
      const spec: ConnectionSpec = {
        name,
        source: { connector: exactConnector, config: config as unknown as JsonObject },
        destination,
        streams: config.streams.map((stream) => ({
          name: stream,
          sync_mode: destinationSyncMode === 'overwrite' ? 'full_refresh' : 'incremental',
          destination_sync_mode: destinationSyncMode,
        })),
        policy: { ...testPolicy, ...policy },
      };
      await client.apply(spec);
      names.push(name);
      return { name, directory: own, spec };
    },
    async apply({ policy, ...chosen }) {
      const name = `e2e-${randomBytes(6).toString('hex')}`;
      const own = { ...testPolicy, ...policy };
      await client.apply({ name, destination: target.ref, ...chosen, policy: own });
      names.push(name);
      return name;
    },
    leftovers: () => [
      ...processesIn(directory),
      ...filesBelow(state).filter((file) => !file.endsWith('.log') && !/\.log\.\d+$/.test(file)),
      ...filesBelow(temporary),
    ],
    async close() {
      for (const worker of workers) await worker.kill();
      for (const name of names)
        await temporal.workflow.getHandle(connectionWorkflowId(name)).terminate('The test ended.');
      await eventually(
        `no process is left: ${processesIn(directory).join(', ')}`,
        () => processesIn(directory).length === 0,
        goneMsMax,
      );
      await connection.close();
      await target.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function connectorsFile(place: string, { kind, secrets }: Target): string {
  const command = (main: string): string =>
    JSON.stringify([process.execPath, builtFile(`test/support/${main}.js`)]);
  return [
    'connectors:',
    `  ${exactConnector}: { kind: source, runner: exec, command: ${command('exact-source-main')}, secrets: [${tokenVariable}] }`,
    `  ${plainConnector}: { kind: destination, runner: exec, command: ${command('plain-destination-main')} }`,
    `  postgres: { secrets: [${urlVariable}, ${sourceUrlVariable}] }`,
    `  s3: { secrets: [${s3Variables.join(', ')}] }`,
    `  mysql: { secrets: [${urlVariable}] }`,
    ...(isWarehouse(kind)
      ? [`  ${kind}: { secrets: [${secrets.join(', ')}], credentials: [ambient] }`]
      : []),
    `directories: [., ${JSON.stringify(place)}]`,
    '',
  ].join('\n');
}

/** Polls the sync until the condition holds of it; throws when it ends before. */
export async function untilView(
  sync: SyncHandle,
  what: string,
  condition: (view: SyncView) => boolean,
  msMax?: number,
): Promise<SyncView> {
  let view = await sync.status();
  await eventually(
    what,
    async () => {
      view = await sync.status();
      if (view.summary !== null && !condition(view))
        throw new Error(`The sync ended before: ${what}. ${JSON.stringify(view.summary)}`);
      return condition(view);
    },
    msMax,
  );
  return view;
}
