import type { Client } from '@temporalio/client';
import {
  SyncError,
  type Catalog,
  type ConnectionSpec,
  type ConnectionState,
  type ConnectorSpecification,
  type EndName,
  type Pause,
  type Plan,
  type SchemaChanges,
  type StreamId,
} from '../protocol/index.ts';
import {
  connectionWorkflowId,
  defaultTaskQueue,
  type CheckResult,
  type ConnectorInfo,
  type EditRequest,
  type PauseRequest,
  type ProbeInput,
  type RefreshRequest,
} from '../workflows/messages.ts';
import { backfillConnection, type Backfill } from './backfill.ts';
import { connectClient, type TemporalOptions } from './connect.ts';
import {
  acceptChanges,
  applySpec,
  connectionNames,
  editConnection,
  forgetUpdates,
  isApplied,
  livingHolder,
  pauseConnection,
  refreshConnection,
  resumeConnection,
  runningConnection,
  stateOf,
  type Room,
  type SpecChange,
} from './connections.ts';
import { clientError } from './failure.ts';
import { probe } from './probe.ts';
import type { WaitOptions } from './queues.ts';
import {
  applySchedule,
  deleteIfThere,
  schedules,
  type ScheduleChange,
  type Schedules,
} from './schedules.ts';
import type { SyncHandle } from './sync-handle.ts';
import { runningSync, startSync } from './syncs.ts';

export type { Backfill } from './backfill.ts';
export { parseConnection, readConnectionFile } from './connection-file.ts';
export { temporalOptions, type TemporalOptions } from './connect.ts';
export type { SpecChange } from './connections.ts';
export type { WaitOptions } from './queues.ts';
export type { ScheduleChange, Schedules, ScheduleStatus } from './schedules.ts';
export type { SyncHandle } from './sync-handle.ts';
export type { AttemptView, SyncView } from './sync-view.ts';
export { dataConverter } from '../workflows/data-converter.ts';
export * from '../protocol/index.ts';
export type {
  CheckResult,
  ConnectorInfo,
  EditRequest,
  PauseRequest,
  RefreshRequest,
} from '../workflows/messages.ts';

export interface SyncClientOptions {
  /** A Client made with our `dataConverter`, or how to connect. Absent: localhost:7233, namespace `default`. */
  readonly client?: Client | TemporalOptions;
  /** The workers' task queue. */
  readonly taskQueue?: string;
}

export interface Applied {
  readonly connection: SpecChange;
  readonly schedule: ScheduleChange;
}

/** Everything a program may ask. Every method throws SyncErrors: `kind` says whether a person must act, `remedy` what to do. */
export interface SyncClient {
  /** Stores a connection and makes its schedule what the spec says. A running sync keeps the spec it began with. */
  apply(spec: ConnectionSpec, options?: WaitOptions): Promise<Applied>;
  /**
   * Drops what the connectors changed in their own configs (rotated tokens): both hold again as they are applied. Refused while a sync runs.
   * Resolves with the ends that had something to drop.
   */
  forgetUpdates(name: string, options?: WaitOptions): Promise<readonly EndName[]>;
  /** Forgets a connection, its checkpoints in Temporal and its schedule; the destination's data stays. Refused while a sync runs. */
  delete(name: string): Promise<void>;
  /** Names of the connections of this task queue; a new one appears after about a second. */
  list(): AsyncIterable<string>;
  /** All that is held of a connection: spec, lease, checkpoints by scope, last syncs. */
  status(name: string): Promise<ConnectionState>;
  /** Starts a sync, or attaches to the running one. Refused while the connection is paused. */
  startSync(name: string): Promise<SyncHandle>;
  /** The running sync, or null. */
  runningSync(name: string): Promise<SyncHandle | null>;
  /** Asks the running sync to stop at a checkpoint. null: none runs. */
  cancel(name: string): Promise<SyncHandle | null>;
  /**
   * From now on no sync begins, and the running one drains to a checkpoint and waits there: its views tell when it has. Resolves with the
   * pause that holds. Paused again, it keeps its time and takes the new note.
   */
  pause(name: string, request?: PauseRequest, options?: WaitOptions): Promise<Pause>;
  /** Ends a pause; the sync that waits goes on. Resolves with the pause that it ended, or null: there was none. */
  resume(name: string, options?: WaitOptions): Promise<Pause | null>;
  /** Tries both ends of a stored connection, or of a spec that is not stored. */
  check(target: string | ConnectionSpec, options?: WaitOptions): Promise<readonly CheckResult[]>;
  discover(name: string, options?: WaitOptions): Promise<Discovered>;
  /** What the next sync would do, of a stored connection or of a spec. A spec's checkpoints are those of the connection of its name. */
  plan(target: string | ConnectionSpec, options?: WaitOptions): Promise<Plan>;
  /** A person's edit of the state; refused while a sync runs. */
  editState(name: string, request: EditRequest, options?: WaitOptions): Promise<void>;
  /** Accepts for the next sync how the source differed at the last one. Refused when it did not differ. */
  acceptSchema(name: string, options?: WaitOptions): Promise<SchemaChanges>;
  /**
   * The next sync reads streams again whose old rows lack columns that came later, and merges them; see `startSync`. null: all that can be
   * merged. Refused while a sync runs, and of streams whose rows would be there twice.
   */
  backfill(
    name: string,
    streams: readonly StreamId[] | null,
    options?: WaitOptions,
  ): Promise<Backfill>;
  /**
   * The next sync reads these streams from scratch, or empties them; see `startSync`. Refused while a sync runs. Stream ids as in the
   * checkpoints; they are not looked up.
   */
  refresh(name: string, request: RefreshRequest, options?: WaitOptions): Promise<void>;
  /** The last lines of the connectors' logs, from the machine that ran the last sync. */
  logs(name: string, lines: number, options?: WaitOptions): Promise<string>;
  connectors(options?: WaitOptions): Promise<readonly ConnectorInfo[]>;
  connectorSpec(connector: string, options?: WaitOptions): Promise<ConnectorSpecification>;
  readonly schedules: Schedules;
  /** Closes the connection to Temporal, if this client made it. */
  close(): Promise<void>;
}

export interface Discovered {
  readonly catalog: Catalog;
  /** The catalog was too large to travel whole. */
  readonly truncated: boolean;
}

export async function createSyncClient({
  client: given = {},
  taskQueue = defaultTaskQueue,
}: SyncClientOptions = {}): Promise<SyncClient> {
  const isClient = 'workflow' in given;
  const client = isClient ? given : await connectClient(given);
  const room: Room = { client, taskQueue };
  const ask = async (input: ProbeInput, options?: WaitOptions) =>
    probe(client, taskQueue, input, options);
  return {
    async apply(spec, options = {}) {
      const connection = await applySpec(room, spec, options);
      return { connection, schedule: await applySchedule(client, taskQueue, spec) };
    },
    forgetUpdates: (name, options = {}) => forgetUpdates(room, name, options),
    delete: (name) => deleteConnection(room, name),
    list: () => connectionNames(room),
    status: (name) => stateOf(room, name),
    startSync: (name) => startSync(room, name),
    runningSync: (name) => runningSync(room, name),
    async cancel(name) {
      const running = await runningSync(room, name);
      await running?.cancel();
      return running;
    },
    pause: (name, request = {}, options = {}) => pauseConnection(room, name, request, options),
    resume: (name, options = {}) => resumeConnection(room, name, options),
    async check(target, options) {
      const input: ProbeInput =
        typeof target === 'string'
          ? { kind: 'check', connection: target }
          : { kind: 'check-spec', spec: target, applied: await isApplied(room, target.name) };
      if (typeof target === 'string') await runningConnection(room, target);
      return (await ask(input, options)).value as readonly CheckResult[];
    },
    async discover(name, options) {
      await runningConnection(room, name);
      const { value, truncated } = await ask({ kind: 'discover', connection: name }, options);
      return { catalog: value as Catalog, truncated };
    },
    async plan(target, options) {
      const input: ProbeInput =
        typeof target === 'string'
          ? { kind: 'plan', connection: target }
          : { kind: 'plan-spec', spec: target, applied: await isApplied(room, target.name) };
      if (typeof target === 'string') await runningConnection(room, target);
      return (await ask(input, options)).value as Plan;
    },
    editState: (name, request, options = {}) => editConnection(room, name, request, options),
    acceptSchema: (name, options = {}) => acceptChanges(room, name, options),
    backfill: (name, streams, options = {}) => backfillConnection(room, name, streams, options),
    refresh: (name, request, options = {}) => refreshConnection(room, name, request, options),
    logs: (name, lines, options) => logsOf(room, name, lines, options),
    connectors: async (options) =>
      (await ask({ kind: 'connectors' }, options)).value as readonly ConnectorInfo[],
    connectorSpec: async (connector, options) =>
      (await ask({ kind: 'connector-spec', connector }, options)).value as ConnectorSpecification,
    schedules: schedules(client),
    close: async () => (isClient ? undefined : client.connection.close()),
  };
}

async function logsOf(
  room: Room,
  name: string,
  lines: number,
  options?: WaitOptions,
): Promise<string> {
  const { lastHostQueue, lastLabel } = await stateOf(room, name);
  if (lastHostQueue === null)
    throw new SyncError('config_error', 'This connection has no logs yet.', {
      origin: 'tidemark',
      place: name,
      remedy: `Run a sync first: tidemark sync ${name}.`,
    });
  const hostQueue = lastHostQueue;
  const input: ProbeInput = { kind: 'logs', connection: name, lines, hostQueue, label: lastLabel };
  const { value } = await probe(room.client, room.taskQueue, input, options);
  return String(value);
}

async function deleteConnection(room: Room, name: string): Promise<void> {
  const workflow = await runningConnection(room, name);
  const holder = await livingHolder(room, await stateOf(room, name));
  if (holder !== null)
    throw new SyncError('config_error', 'A sync of this connection is running.', {
      origin: 'tidemark',
      code: 'busy',
      place: holder.workflowId,
      remedy: `Cancel it first: tidemark cancel ${name}.`,
    });
  try {
    await deleteIfThere(room.client, name);
    await workflow.terminate('Deleted by a person.');
  } catch (error) {
    throw clientError(error, connectionWorkflowId(name));
  }
}
