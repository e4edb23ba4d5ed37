import type { SyncFailure } from './errors.ts';
import type { LogMessage, StreamStatus, TraceMessage } from './message.ts';
import type { StateMessage } from './state.ts';
import type { StreamId } from './stream.ts';

/** How a block's bytes are written. `jsonl`: RECORD envelopes, one a line, each ending in `\n`. Everyone speaks it. */
export type Encoding = 'jsonl' | 'pg-copy-text';

/**
 * A run of consecutive records of one stream, as undecoded bytes. `bytes` are valid until `release()`: they may lie in a ring buffer.
 * Whoever consumes a block releases it exactly once, also on failure.
 */
export interface Block {
  readonly type: 'BLOCK';
  readonly stream: StreamId;
  readonly encoding: Encoding;
  /** Exact number of records in `bytes`. */
  readonly records: number;
  readonly bytes: Uint8Array;
  release(): void;
}

/** How the source ended; always the last item of a pipe. */
export interface End {
  readonly type: 'END';
  /** null: it ended well (exit 0). */
  readonly failure: SyncFailure | null;
  /** The source stopped early because it was asked to drain: it did not read everything. */
  readonly drained: boolean;
  /** Each stream's last STREAM_STATUS, where the source sends them. */
  readonly statuses: Readonly<Record<StreamId, StreamStatus>>;
  /** What the source said of single streams that failed, also where it ended well. */
  readonly streamFailures?: Readonly<Record<StreamId, SyncFailure>>;
}

/** What travels on the pipe. Messages are whole envelopes. A CONTROL message is none: it must be kept before anything else (decision 0015). */
export type Item = Block | StateMessage | TraceMessage | LogMessage | End;
