import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type {
  Begun,
  Checkpoint,
  ConfigUpdate,
  ConnectionSpec,
  ConnectionState,
  EndName,
  Epoch,
  HeartbeatDetails,
  Holder,
  LossesByScope,
  SyncCost,
  Pause,
  Progress,
  Scope,
  State,
  StreamId,
  SyncFailure,
  SyncSummary,
} from '../protocol/index.ts';

// These names are persisted: renaming one is a migration.

/** Ids and queues are built here only. */
export const connectionWorkflowId = (name: string): string => `connection/${name}`;
export const syncWorkflowId = (name: string): string => `sync/${name}`;
export const scheduleId = (name: string): string => `sync/${name}`;

export const defaultTaskQueue = 'tidemark';
/** Workflows and the small activities run on `control`, the write activity on `data` or its label's queue, the read activity on its process's own. */
export const dataQueue = (control: string): string => `${control}-data`;
export const labelQueue = (control: string, label: string): string => `${control}-label-${label}`;
export const hostQueue = (control: string, processId: string): string =>
  `${control}-host-${processId}`;

export interface BeginRequest {
  readonly holder: Holder;
  /** The holder found dead by the caller: the lease is taken from it. */
  readonly takeOver: Holder | null;
  /** Issue a syncNo above this one; 0: no matter. */
  readonly raise: number;
  /** Ties a host-bound connection to a worker label, if it is not tied yet. */
  readonly label: string | null;
}

/**
 * `held`: another holder has the lease; the caller looks whether it lives. With `paused` nobody gets it, and `by` is nobody where nobody
 * holds it: a worker that does not know of pauses skips its sync all the same.
 */
export type BeginAnswer =
  | { readonly type: 'begun'; readonly begun: Begun }
  | { readonly type: 'held'; readonly by: Holder; readonly paused?: Pause };

export interface EndRequest {
  readonly holder: Holder;
  readonly summary: SyncSummary;
}

export interface AttachRequest {
  readonly lane: string;
  readonly epoch: Epoch;
  readonly hostQueue: string;
  readonly label: string;
  /** The heartbeat details this attempt found. */
  readonly hint: HeartbeatDetails | null;
}

export interface Attached {
  readonly checkpoints: readonly Checkpoint[];
  readonly generations: ConnectionState['generations'];
  readonly minimumGenerations: ConnectionState['minimumGenerations'];
  readonly clearing: ConnectionState['clearing'];
  readonly adopt: boolean;
  readonly attemptsWithoutProgress: number;
  /** See ConnectionState. */
  readonly acceptedChanges?: string;
}

export interface CommitRequest {
  readonly lane: string;
  readonly epoch: Epoch;
  readonly checkpoints: readonly Checkpoint[];
}

/** A person's edit. Each scope's edition goes up; `state` null: from scratch. */
export interface EditRequest {
  /** null: every scope the connection has, also where only the destination knows it. */
  readonly scope: Scope | null;
  readonly state: State | null;
  readonly exact?: string;
  readonly adopt?: boolean;
  readonly reason: string;
}

/** A person accepts what changed at the source: see SchemaChanges. */
export interface AcceptRequest {
  readonly changes: string;
}

/** A person wants streams read from scratch by the next sync, or emptied by it. */
export interface RefreshRequest {
  /** null: every stream. */
  readonly streams: readonly StreamId[] | null;
  /** `replace`: the new data takes the place of the old once it is complete. `keep`: it comes on top. `clear`: nothing is read. */
  readonly manner: 'replace' | 'keep' | 'clear';
  readonly reason: string;
}

/** A person pauses a connection. */
export interface PauseRequest {
  readonly note?: string;
  /** Who; for people. */
  readonly by?: string;
}

/** A connector changed its own config (it rotated a token): see ConfigUpdate. */
export interface RememberRequest extends Pick<ConfigUpdate, 'keys' | 'keyId' | 'epoch'> {
  /** The connector may have been given the config of a connection that was deleted meanwhile. */
  readonly connectionId: string;
  readonly end: EndName;
  readonly connector: string;
  /** The number of the update that it was built on; 0: none. */
  readonly over: number;
  readonly sealed: string;
}

/** A person wants the configs as they are applied, without what their connectors changed. */
export interface ForgetRequest {
  /** null: both. */
  readonly end: EndName | null;
}

/** connectionWorkflow's handlers. */
export const beginUpdate = defineUpdate<BeginAnswer, [BeginRequest]>('begin');
export const endUpdate = defineUpdate<void, [EndRequest]>('end');
export const attachUpdate = defineUpdate<Attached, [AttachRequest]>('attach');
export const commitUpdate = defineUpdate<void, [CommitRequest]>('commit');
export const editUpdate = defineUpdate<void, [EditRequest]>('edit');
export const acceptUpdate = defineUpdate<void, [AcceptRequest]>('accept');
export const refreshUpdate = defineUpdate<void, [RefreshRequest]>('refresh');
/** Answers with the pause that now holds. */
export const pauseUpdate = defineUpdate<Pause, [PauseRequest | null]>('pause');
/** Answers with the pause that it ended; null: there was none. */
export const resumeUpdate = defineUpdate<Pause | null>('resume');
export const configureUpdate = defineUpdate<void, [ConnectionSpec]>('configure');
export const rememberUpdate = defineUpdate<void, [RememberRequest]>('remember');
/** Answers with the ends that had something to forget. */
export const forgetUpdate = defineUpdate<readonly EndName[], [ForgetRequest | null]>('forget');
export const statusQuery = defineQuery<ConnectionState>('status');

/** Types of the ApplicationFailures by which validators refuse; `details[0]` is a SyncFailure. */
export const refusals = {
  fenced: 'Fenced',
  /** The timestamp alone is lower (clocks stepped back): retryable. */
  clock: 'ClockBehind',
  budgetSpent: 'BudgetSpent',
  syncRunning: 'SyncRunning',
  notHolder: 'NotHolder',
  /** A config update that was built on an older one than is kept: to be made anew. */
  superseded: 'Superseded',
  invalid: 'Invalid',
} as const;

export interface Ready {
  readonly lane: string;
  readonly hostQueue: string;
  readonly epoch: Epoch;
  /** Number of the write activity's attempt, from 1. */
  readonly attempt: number;
}

/** The connection tells the sync that holds it. */
export interface PausedNews {
  /** Whom it is for: a later sync may have the same workflow id. */
  readonly firstRunId: string;
  /** null: it may go on. */
  readonly pause: Pause | null;
}

export interface Forwarded {
  readonly epoch: Epoch;
  readonly progress: Progress;
  readonly checkpoints: readonly Checkpoint[];
}

export interface SyncStatus {
  readonly begun: Begun | null;
  readonly progress: Progress | null;
  readonly checkpoints: readonly Checkpoint[];
  readonly summary: SyncSummary | null;
  /** Absent: it is not paused. */
  readonly paused?: Pause;
}

/** syncWorkflow's handlers. */
export const readySignal = defineSignal<[Ready]>('ready');
export const pausedSignal = defineSignal<[PausedNews]>('paused');
export const forwardSignal = defineSignal<[Forwarded]>('checkpoint');
export const checkpointsQuery = defineQuery<readonly Checkpoint[]>('checkpoints');
export const syncStatusQuery = defineQuery<SyncStatus>('status');

export interface SyncInput {
  readonly connection: string;
  /** Set by continue-as-new only. */
  readonly continued?: Continued;
}

/** What a segment hands to the next. */
export interface Continued {
  readonly begun: Begun;
  readonly startedAt: string;
  readonly attempts: number;
  readonly segment: number;
  readonly checkpoints: readonly Checkpoint[];
  /** How long it has waited in pauses. Absent: not at all, or an older worker did not count. */
  readonly pausedMs?: number;
  /** See WriteActivityInput. */
  readonly losses?: LossesByScope;
  /** See WriteActivityInput. */
  readonly cost?: SyncCost;
}

export interface ConnectionInput {
  /** The first run's spec and a fresh UUID; later runs carry the whole state. */
  readonly state: ConnectionState;
}

/** The only lane there is as yet: a connection's whole catalog. */
export const wholeLane = 'all';

/** What the activities take and give. */
export interface BeginActivityInput {
  readonly connection: string;
  readonly holder: Holder;
  /** Issue a syncNo above this one; 0: no matter. */
  readonly raise: number;
}

/** `failure`: it has the lease, but no worker can run it. `skipped`: a living sync holds the connection, or it is paused. */
export type BeginActivityResult =
  | { readonly type: 'begun'; readonly begun: Begun; readonly failure?: SyncFailure }
  | { readonly type: 'skipped'; readonly by: Holder; readonly paused?: Pause };

export interface EndActivityInput {
  readonly connection: string;
  readonly holder: Holder;
  readonly summary: SyncSummary;
}

export interface WriteActivityInput {
  readonly begun: Begun;
  readonly lane: string;
  /** When the sync has taken as long as it may, epoch ms: for people, its workflow ends it. Absent: it may take any time. */
  readonly endsAt?: number;
  /** What earlier activities of the sync have told. Absent: none have, or nothing was lost. */
  readonly losses?: LossesByScope;
  /** What the attempts before have cost. Absent: nothing that is known. */
  readonly cost?: SyncCost;
}

export interface ReadActivityInput {
  readonly lane: string;
  readonly epoch: Epoch;
}

/** What a read activity passed on; for people. */
export interface ReadActivityResult {
  readonly records: number;
  readonly bytes: number;
  readonly states: number;
}

/** `hereOnly`: answer on this worker even if the connection is bound to another label. */
export interface ProbeActivityInput {
  readonly probe: ProbeInput;
  readonly hereOnly: boolean;
}

/** `elsewhere`: the connection is bound to a label that this worker does not serve. */
export type ProbeActivityResult =
  | { readonly type: 'found'; readonly result: ProbeResult }
  | { readonly type: 'elsewhere'; readonly label: string };

/** Second detail of a write activity's final failure. */
export interface AttemptCount {
  readonly attempt: number;
}

/** What probeWorkflow does, on behalf of the CLI; bounded in size and time. */
export type ProbeInput =
  | { readonly kind: 'check'; readonly connection: string }
  | { readonly kind: 'discover'; readonly connection: string }
  /** `applied`: a connection of its name is stored, where what its connectors change in their configs is kept. Absent: none. */
  | { readonly kind: 'check-spec'; readonly spec: ConnectionSpec; readonly applied?: boolean }
  | { readonly kind: 'plan'; readonly connection: string }
  /** `applied`: a connection of its name is stored, whose checkpoints count. */
  | { readonly kind: 'plan-spec'; readonly spec: ConnectionSpec; readonly applied: boolean }
  | {
      readonly kind: 'logs';
      readonly connection: string;
      readonly lines: number;
      readonly hostQueue: string;
      /** Where to look when that process is gone: another worker of its host. */
      readonly label: string | null;
    }
  | { readonly kind: 'connectors' }
  | { readonly kind: 'connector-spec'; readonly connector: string };

/** `text` for logs; `value` is plain JSON: CheckResult, a Catalog, a Plan, a list of ConnectorInfo, a ConnectorSpecification. */
export interface ProbeResult {
  readonly value: unknown;
  readonly truncated: boolean;
}

export interface CheckResult {
  readonly end: 'source' | 'destination';
  readonly connector: string;
  readonly ok: boolean;
  readonly failure?: SyncFailure;
}

export interface ConnectorInfo {
  readonly name: string;
  readonly kind: 'source' | 'destination' | 'both';
  readonly runner: 'native' | 'exec' | 'pypi' | 'docker';
  readonly detail: string;
}

/** Search attributes, registered by `tidemark dev` and documented for other servers. */
export const searchAttributes = {
  connection: { name: 'TidemarkConnection', type: 'KEYWORD' },
  status: { name: 'TidemarkStatus', type: 'KEYWORD' },
  records: { name: 'TidemarkRecords', type: 'INT' },
  checkpointAt: { name: 'TidemarkCheckpointAt', type: 'DATETIME' },
} as const;
