import type {
  ConfiguredStream,
  ReadInput,
  StateMessage,
  StreamDescriptor,
  StreamId,
} from '../../../../protocol/index.ts';
import type { Session } from '../../session.ts';
import type { Relation } from '../catalog.ts';
import type { ChangesConfig, PostgresSourceConfig } from '../config.ts';
import { changesState, type StreamProgress } from './global.ts';
import type { Helpers } from '../helpers.ts';
import type { Signs } from '../signs-of-life.ts';
import type { LogReader } from './log-reader.ts';
import type { Lsn } from './lsn.ts';

export interface ReadStream {
  readonly id: StreamId;
  readonly descriptor: StreamDescriptor;
  readonly configured: ConfiguredStream;
  readonly relation: Relation;
  /** null: nothing was read of it. */
  progress: StreamProgress | null;
}

/** One reading of tables and their changes. */
export interface Run {
  readonly input: ReadInput<PostgresSourceConfig>;
  readonly session: Session;
  /** While tables are read. */
  readonly helpers: Helpers;
  readonly changes: ChangesConfig & { readonly publication: string };
  readonly streams: readonly ReadStream[];
  readonly signs: Signs;
  /** The session whose rows come next, while tables are read. */
  awaited: Session;
  /** null: the log is not followed yet. */
  reader: LogReader | null;
  /** Epoch ms. */
  readonly emittedAt: number;
  /** All of the log before it was read. */
  lsn: Lsn;
  /** Since the last state. */
  records: number;
}

/** The state that covers all records so far. */
export function stateNow(run: Run): StateMessage {
  const { changes, lsn, streams, records } = run;
  run.records = 0;
  return changesState({ slot: changes.slot, lsn }, streams, records);
}
