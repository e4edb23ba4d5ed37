import type { DestinationSyncMode, SyncMode } from './catalog.ts';
import type { Guarantee } from './connector.ts';
import type { Scope } from './state.ts';
import type { StreamId } from './stream.ts';

/** Where the next sync begins to read a stream: at a checkpoint, or (null) at the start. */
export interface ResumePoint {
  /** `*`: a state of all streams. */
  readonly scope: Scope;
  /** The state's text, cut for people. */
  readonly state: string;
  readonly committedAt: string;
  /** The sync that committed it. */
  readonly syncNo: number;
}

/** A stream's place at the destination, which may have to shorten its name. */
export interface Lands {
  /** null: the destination's own. */
  readonly namespace: string | null;
  readonly name: string;
}

/** What the next sync would do with one stream. */
export interface PlannedStream {
  readonly stream: StreamId;
  readonly syncMode: SyncMode;
  readonly destinationSyncMode: DestinationSyncMode;
  /** Empty: the source has its own, or none. */
  readonly cursor: readonly string[];
  readonly primaryKey: readonly (readonly string[])[];
  /** Columns that the source names and that are copied; records may bring more. */
  readonly columns: number;
  /** The fields that were chosen, key and cursor among them, as many as fit; null: all. Absent (of an older worker): not told. */
  readonly chosen?: { readonly fields: readonly string[]; readonly count: number } | null;
  /** Where its rows go. Absent (of an older worker): not told. */
  readonly lands?: Lands;
  readonly generation: number;
  /** What becomes of the rows that are there. `emptied`: nothing is read. */
  readonly rows: 'added to' | 'merged' | 'replaced' | 'emptied';
  readonly resume: ResumePoint | null;
  /** Whether the source counts its records, which its last state tells; null: it has sent none that is held. */
  readonly sourceCounts: boolean | null;
}

/** What the next sync of a connection would do, as `tidemark plan` tells it. Nothing was changed to find out. */
export interface Plan {
  readonly connection: string;
  /** It is stored in Temporal; else this is about a file alone. */
  readonly applied: boolean;
  /** A sync holds the connection: the plan is for the one after it, from the checkpoints there are now. */
  readonly syncing: boolean;
  readonly source: string;
  readonly destination: string;
  readonly syncNo: number;
  /** null: the destination claims none, which makes it at least once. */
  readonly guarantee: Guarantee | null;
  /** `parallelism` of the policy, and what the source reads at once for it; null: it ignores it. Absent: it is 1, or of an older worker. */
  readonly parallelism?: { readonly asked: number; readonly readsAtOnce: string | null };
  /** As many as fit. */
  readonly streams: readonly PlannedStream[];
  readonly streamCount: number;
  /** Offered by the source and not selected, as many as fit. */
  readonly unselected: readonly StreamId[];
  readonly unselectedCount: number;
}
