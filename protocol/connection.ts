import type { CdcDeletes, DestinationSyncMode, SyncMode } from './catalog.ts';
import type { JsonObject } from './json.ts';
import type { SchemaPolicy } from './schema-changes.ts';
import type { StreamDescriptor } from './stream.ts';

/** One end of a connection. `config` holds references (`${env:NAME}`, `${file:PATH}`) where the connector's spec marks secrets. */
export interface ConnectorRef {
  /** A name in the worker's connectors.yaml, or a native connector. */
  readonly connector: string;
  readonly config: JsonObject;
}

/** A stream as a person chooses it; absent members take the best the source supports. */
export interface StreamSelection extends StreamDescriptor {
  readonly sync_mode?: SyncMode;
  readonly destination_sync_mode?: DestinationSyncMode;
  readonly cursor_field?: readonly string[];
  readonly primary_key?: readonly (readonly string[])[];
  /** Only these fields are copied, beside the key, the cursor and those of change data capture. Absent: all. */
  readonly columns?: readonly string[];
  /** In `append_dedup`; absent: hard. */
  readonly cdc_deletes?: CdcDeletes;
}

export type ScheduleSpec =
  | { readonly cron: string; readonly timezone?: string }
  | { readonly every: string; readonly timezone?: string };

/** Every limit that a person may set on a connection. Times in ms, sizes in bytes. */
export interface Policy {
  readonly checkpointAgeMsMax: number;
  readonly onOverdue: 'warn' | 'fail';
  readonly attemptsWithoutProgressMax: number;
  readonly heartbeatTimeoutMs: number;
  readonly parallelism: number;
  readonly rowsMin: number;
  /** These three absent: what suits the destination (see `cadenceBounds`). */
  readonly batchBytesMax?: number;
  readonly commitIntervalMsMin?: number;
  readonly commitIntervalMsMax?: number;
  /** A source that shows no life at all for this long while the writer waits for it has failed. */
  readonly sourceSilenceMsMax: number;
  /** A destination that finishes nothing of what it was given for this long has failed. Absent: see `limitsOf`. */
  readonly destinationBlockedMsMax?: number;
  /** An attempt in which for this long neither a record came nor a checkpoint was made has failed. Absent: see `limitsOf`. */
  readonly noProgressMsMax?: number;
  /** A sync that lasts longer, pauses not counted, ends at a checkpoint and has failed. Absent: none. */
  readonly syncMsMax?: number;
  /** A sync workflow run lasts this long before it continues as new at a checkpoint. */
  readonly segmentMsMax: number;
  /** When the source offers something else than before. Absent (as in specs of older versions): propagate. */
  readonly schemaChanges?: SchemaPolicy;
  /** When a stream has gained a column: have the next sync read it again, so that old rows get their values. Absent: ignore. */
  readonly onNewColumn?: 'backfill' | 'ignore';
}

export const defaultPolicy: Policy = {
  checkpointAgeMsMax: 30 * 60_000,
  onOverdue: 'warn',
  // With their pauses these outlast five minutes without a destination.
  attemptsWithoutProgressMax: 10,
  heartbeatTimeoutMs: 30_000,
  parallelism: 1,
  rowsMin: 0,
  sourceSilenceMsMax: 60 * 60_000,
  segmentMsMax: 6 * 60 * 60_000,
};

/** The limits that end an attempt, ms: also of a spec that an older version made. */
export function limitsOf(policy: Policy) {
  const { sourceSilenceMsMax, destinationBlockedMsMax, noProgressMsMax } = policy;
  return {
    sourceSilenceMsMax,
    // A warehouse may merge for long without a word.
    destinationBlockedMsMax: destinationBlockedMsMax ?? 2 * 60 * 60_000,
    noProgressMsMax: noProgressMsMax ?? 3 * 60 * 60_000,
  };
}

/** Stands in a namespace for the stream's own; empty where it has none. */
export const sourceNamespace = '${SOURCE_NAMESPACE}';

/** How tables are named. States and stream ids keep the names of the source. */
export interface Naming {
  /** Where tables go: a text that may hold `sourceNamespace`. Absent: the stream's own namespace, else the destination's schema. */
  readonly namespace?: string;
  /** In front of every table's name. */
  readonly prefix?: string;
}

/** What a person applied: plain JSON, no secrets. */
export interface ConnectionSpec extends Naming {
  readonly name: string;
  readonly source: ConnectorRef;
  readonly destination: ConnectorRef;
  /** Absent: every stream. */
  readonly streams?: readonly StreamSelection[];
  readonly schedule?: ScheduleSpec;
  readonly policy: Policy;
}
