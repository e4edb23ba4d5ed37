import type { SyncFailure } from './errors.ts';
import type { LogMessage, StreamStatus, TraceMessage } from './message.ts';
import type { StateMessage } from './state.ts';
import type { StreamId } from './stream.ts';

/**
 * How a block's bytes are written.
 *
 * `jsonl`: RECORD envelopes, one a line, each ending in `\n`. Everyone speaks it.
 *
 * `pg-copy-text`: rows of Postgres' COPY in its text format, in UTF-8, each ending in `\n`. Fields are parted by tabs and escaped as COPY
 * escapes them; `\N` is null. A row has one field for each property of the stream's configured `json_schema`, in the order of its keys, and
 * then one that is never null: `emitted_at`, epoch ms as an integer. A field holds what the property of a record would, said as Postgres says
 * it: of a property that is text its content; a number's numeral, or `NaN`, `Infinity`, `-Infinity`; `true` or `false`; dates and times as
 * with `DateStyle` ISO in UTC (`2024-05-06 07:08:09.5+00`); of all else its JSON (where `null` is no value either). Such rows have no
 * `meta`. A source may write a stream so only if it reads every property of it, as of the type that the schema says, and they are at most
 * `copyTextFieldsMax`. Blocks of both encodings may follow each other in one stream.
 */
export type Encoding = 'jsonl' | 'pg-copy-text';

/** A page of Postgres holds a pointer to each of so many texts, so any row of them can be staged. */
export const copyTextFieldsMax = 400;

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
