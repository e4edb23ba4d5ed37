import type { Checkpoint, Counts, Epoch } from './checkpoint.ts';
import type { ConfigUpdates } from './config-updates.ts';
import type { ConnectionSpec, Policy } from './connection.ts';
import type { CadenceBounds, CadenceFacts } from './connector.ts';
import type { SyncCost } from './cost.ts';
import type { SyncFailure } from './errors.ts';
import type { StreamStatus } from './message.ts';
import type { Pause } from './pause.ts';
import type { SchemaChanges } from './schema-changes.ts';
import type { StreamId } from './stream.ts';
import type { UnfilledColumns } from './unfilled.ts';
import type { NextAttempt, RateLimit } from './waits.ts';

/** How a sync ended. `partial`: it failed, but some of its streams are done. `skipped`: another sync held the connection, or it was paused. */
export type SyncOutcome = 'succeeded' | 'failed' | 'cancelled' | 'partial' | 'skipped';

/** One stream in a sync: counts are committed ones. */
export interface StreamSummary extends Counts {
  readonly stream: StreamId;
  readonly status: StreamStatus | null;
  /** Values that became NULL with an entry in `_airbyte_meta.changes`. */
  readonly nulled: number;
  /** Of its records, those that the destination turned away: they are not there. Absent: none. */
  readonly rejected?: number;
}

export interface SyncSummary extends Counts {
  readonly syncNo: number;
  readonly workflowId: string;
  readonly outcome: SyncOutcome;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly attempts: number;
  /** Those that were not reached too. At most `summaryStreamsMax`, the largest first; the totals count all. */
  readonly streams: readonly StreamSummary[];
  readonly streamCount: number;
  /** Of all records, those that the destination turned away: they are not there. Absent: none. */
  readonly rejected?: number;
  /** In a warehouse. Absent: it charges nobody, or the sync came to no commit. */
  readonly cost?: SyncCost;
  readonly failure?: SyncFailure;
  /** How the source differs from what was accepted. */
  readonly schema?: SchemaChanges;
  /** Columns that rows written before they came lack, as this sync leaves them. Absent: none, if it succeeded; else not looked. */
  readonly unfilled?: UnfilledColumns;
}

export const summaryStreamsMax = 100;

/** A stream while it is read. `records` counts this attempt; `committed` the whole sync. COMPLETE: and all of it is durable. */
export interface StreamProgress extends Counts {
  readonly stream: StreamId;
  readonly committed: Counts;
  /** Of the whole sync, as `committed`. */
  readonly nulled: number;
  /** Likewise; absent: none. */
  readonly rejected?: number;
  readonly status: StreamStatus | null;
}

/** What a sync's summary tells of its streams: the largest first, at most `summaryStreamsMax`. */
export function streamSummaries(streams: readonly StreamProgress[]): readonly StreamSummary[] {
  return streams
    .map(({ stream, committed, status, nulled, rejected }) => ({
      ...{ stream, ...committed, status, nulled },
      ...(rejected !== undefined && { rejected }),
    }))
    .sort((a, b) => b.bytes - a.bytes)
    .slice(0, summaryStreamsMax);
}

/** A limit of the policy that a running attempt is held to, and how much of it is used up. */
export interface WatchedLimit {
  readonly limit:
    'checkpoint_age' | 'source_silence' | 'destination_blocked' | 'no_progress' | 'sync';
  readonly ms: number;
  readonly msMax: number;
}

/** What a running write attempt shows; small, readable, first in the heartbeat details. */
export interface Progress {
  readonly phase:
    'attaching' | 'opening' | 'waiting for the reader' | 'syncing' | 'draining' | 'ended';
  readonly attempt: number;
  readonly epoch: Epoch;
  /** The worker that runs it: host name and pid. */
  readonly worker: string;
  readonly startedAt: string;
  /** Totals of the attempt as read, and of the sync as committed. */
  readonly read: Counts;
  readonly committed: Counts;
  /** ISO 8601; null before this sync's first checkpoint. */
  readonly lastCheckpointAt: string | null;
  /** States that wait for their commit, and the bytes they cover. */
  readonly waiting: { readonly states: number; readonly bytes: number };
  /** Absent: no commit yet, another program commits, or an older worker does not say. */
  readonly cadence?: CadenceFacts;
  /** Of the whole sync. Absent: no commit yet, or the destination charges nobody. */
  readonly cost?: SyncCost;
  /** The states this attempt resumed from, for people: scope to state text, cut at 200 characters. Empty: from the start. */
  readonly resumedFrom: Readonly<Record<string, string>>;
  /** At most `summaryStreamsMax`, most recently active first. */
  readonly streams: readonly StreamProgress[];
  /** Of all streams of the sync, reached or not. */
  readonly streamCount: number;
  /** Records of the sync that the destination turned away. Absent: none. */
  readonly rejected?: number;
  /** How many of them are done: the source called them complete, and all of it is durable. Absent: nothing was read, or by an older worker. */
  readonly streamsDone?: number;
  /** Who is late, once the checkpoint's age passes half its limit. */
  readonly late?: string;
  /** The checkpoint's age has passed its limit. Absent: it has not. */
  readonly overdue?: true;
  /** Absent: it does not read yet, or an older worker does not say. */
  readonly limits?: readonly WatchedLimit[];
  /** The source waits for a rate limit. Absent: it does not, or an older worker does not say. */
  readonly rateLimit?: RateLimit;
  /** The attempt has failed: when the next one starts, and why only then. Absent: it runs, or there will be none. */
  readonly next?: NextAttempt;
  readonly notices?: readonly string[];
  /** How the source differs from what was accepted. */
  readonly schema?: SchemaChanges;
  /** Columns that rows written before they came lack, until this sync has succeeded. */
  readonly unfilled?: UnfilledColumns;
}

/** Details of a write attempt's heartbeats: progress first (people read it in the UI), then the checkpoints (design §6). */
export interface HeartbeatDetails {
  readonly progress: Progress;
  readonly checkpoints: readonly Checkpoint[];
  /** The attempt drained for a worker shutdown: not counted against the retry budget. */
  readonly interrupted?: true;
}

/** Who runs a sync. A segmented sync keeps its first run's id. */
export interface Holder {
  readonly workflowId: string;
  readonly firstRunId: string;
}

export interface Lease {
  readonly holder: Holder;
  readonly syncNo: number;
  readonly since: string;
}

/** What the connection workflow owns; its status query and its continue-as-new input. JSON only. */
export interface ConnectionState {
  readonly connectionId: string;
  readonly spec: ConnectionSpec;
  readonly syncNo: number;
  /** The highest epoch attached, by lane. */
  readonly fence: Readonly<Record<string, Epoch>>;
  readonly checkpoints: Readonly<Record<string, Checkpoint>>;
  /**
   * By stream, or `everyStream`: the sync that was to carry out its last refresh or clear. Absent is 0. A full refresh of sync n has
   * generation n.
   */
  readonly generations: Readonly<Record<StreamId, number>>;
  /**
   * Likewise, of those that no sync has carried out yet: data of a lower generation goes once this one is complete. 0: it was told to stay.
   */
  readonly minimumGenerations: Readonly<Record<StreamId, number>>;
  /** Streams, or `everyStream`, that the next sync empties instead of reading. */
  readonly clearing: readonly StreamId[];
  /** Newest last, at most `historyMax`. */
  readonly history: readonly SyncSummary[];
  readonly lease: Lease | null;
  /** The worker label that a host-bound connection is tied to. */
  readonly label: string | null;
  /** A person said `state adopt`: the next open accepts foreign tables and missing rows. Cleared by the next commit or end. */
  readonly adopt: boolean;
  /** Attempts attached since the last commit, Interrupted ones excluded. */
  readonly attemptsWithoutProgress: number;
  /** Task queue of the process that ran the last write attempt: where its connector logs are. */
  readonly lastHostQueue: string | null;
  /** That process's worker label: where its logs are once it is gone. */
  readonly lastLabel: string | null;
  /** The changes of the source that a person accepted for the next sync, by their id. Gone once a sync has succeeded. */
  readonly acceptedChanges?: string;
  /** Absent: it is not paused. */
  readonly paused?: Pause;
  /** What the connectors changed in their own configs. Absent: nothing. */
  readonly updates?: ConfigUpdates;
}

export const historyMax = 50;

/** A connection that never synced. Its id is a fresh UUID, drawn by the caller: this is pure. */
export function newConnection(connectionId: string, spec: ConnectionSpec): ConnectionState {
  return {
    connectionId,
    spec,
    syncNo: 0,
    fence: {},
    checkpoints: {},
    generations: {},
    minimumGenerations: {},
    clearing: [],
    history: [],
    lease: null,
    label: null,
    adopt: false,
    attemptsWithoutProgress: 0,
    lastHostQueue: null,
    lastLabel: null,
  };
}

/** A state that an older version wrote, with what has been added since. */
export function currentState(state: ConnectionState): ConnectionState {
  return {
    ...state,
    minimumGenerations: state.minimumGenerations ?? {},
    clearing: state.clearing ?? [],
  };
}

/** What a sync needs, fixed at its begin. */
export interface Begun {
  readonly connectionId: string;
  readonly syncNo: number;
  readonly spec: ConnectionSpec;
  readonly label: string | null;
}

export type WriteOutcome =
  | {
      readonly type: 'done';
      readonly summary: Pick<
        SyncSummary,
        | 'records'
        | 'bytes'
        | 'streams'
        | 'streamCount'
        | 'rejected'
        | 'cost'
        | 'schema'
        | 'unfilled'
      >;
      readonly schemaHash: string;
    }
  /** The segment ended at a checkpoint; more is to be read. */
  | { readonly type: 'more' }
  /** The destination knows a higher syncNo (Temporal was restored): begin again above it. */
  | { readonly type: 'raise'; readonly syncNo: number };

/** What suits a destination that does not say otherwise. */
export const defaultCadence: CadenceBounds = {
  batchBytesMax: 64 * 1024 * 1024,
  intervalMsMin: 1_000,
  intervalMsMax: 15 * 60_000,
};

/** Cadence bounds as the policy sets them, or else as they suit the destination. */
export function cadenceBounds(
  policy: Policy,
  suitable: CadenceBounds = defaultCadence,
): CadenceBounds {
  return {
    batchBytesMax: policy.batchBytesMax ?? suitable.batchBytesMax,
    intervalMsMin: policy.commitIntervalMsMin ?? suitable.intervalMsMin,
    intervalMsMax: policy.commitIntervalMsMax ?? suitable.intervalMsMax,
  };
}
