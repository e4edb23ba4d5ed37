import {
  streamId,
  type JsonObject,
  type LogMessage,
  type ReadInput,
  type StreamDescriptor,
} from '../../../protocol/index.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import { streamState, type StreamItems } from '../../kit/read-streams.ts';
import { createRecords, type MarkedBlock } from '../../kit/tables-source/records.ts';
import type { TableState } from '../../kit/tables-source/state.ts';
import { asMysqlError } from '../errors.ts';
import type { MysqlSourceConfig } from './config.ts';
import type { Session } from './session.ts';

/** Blocks that wait for their consumer; with more of them the server has to wait. Invariant 7. */
const waitingMax = 2;

/** What reads of one stream share. */
export interface StreamRead {
  readonly session: Session;
  readonly input: ReadInput<MysqlSourceConfig>;
  readonly stream: StreamDescriptor;
  readonly checkpointRecords: number;
}

export interface Rows {
  /** Its first fields are the row's JSON and its count of dates that are none. */
  readonly sql: string;
  /** Takes the fields that follow; false: the row is left out. `data`: its JSON. */
  take(this: void, rest: readonly (string | null)[], data: Buffer): boolean;
  /** The state after the last row; null: none can be told there. */
  state(this: void): TableState | null;
  /** The state once there are no more rows; null: none. */
  end(this: void): TableState | null;
}

interface Mark {
  readonly state: TableState;
  readonly recordCount: number;
}

/**
 * Runs a statement and yields its rows in blocks, with states among them; DRAINED when it was asked to drain and all that it gave is covered, or
 * when nothing can cover it. Left early, its statement runs until the session is closed.
 */
export async function* streamRows(read: StreamRead, rows: Rows): StreamItems {
  const { session, input, stream } = read;
  const { place } = session;
  const waiting: MarkedBlock<Mark>[] = [];
  let isOver = false;
  let failure: { readonly error: unknown } | null = null;
  let zeros = 0;
  let wake: () => void = () => undefined;
  const records = createRecords<Mark>({
    ...{ id: streamId(stream), stream, emittedAt: Date.now() },
    give(block) {
      waiting.push(block);
      if (waiting.length >= waitingMax) session.pause();
      wake();
    },
  });
  const mark = (state: TableState | null): void => {
    if (state !== null) records.cut({ state, recordCount: records.records });
  };
  const fail = (error: unknown): void => {
    failure ??= { error };
    isOver = true;
    wake();
  };
  session.send(rows.sql, {
    row([data, zero, ...rest]) {
      if (isOver) return;
      try {
        if (data == null) throw tooLarge(stream, place);
        if (rows.take(rest.map(textOf), data)) records.add(data);
        zeros += Number(textOf(zero));
        const isDue = records.records >= read.checkpointRecords || input.drain.aborted;
        if (isDue) mark(rows.state());
      } catch (error) {
        fail(error);
      }
    },
    end() {
      try {
        const state = rows.end();
        if (state === null) records.cut(null);
        else mark(state);
      } catch (error) {
        fail(error);
      }
      isOver = true;
      wake();
    },
    failed: fail,
  });
  const onDrain = (): void => wake();
  input.drain.addEventListener('abort', onDrain, { once: true });
  let hasState = true;
  try {
    for (;;) {
      const next = waiting.shift();
      if (next !== undefined) {
        if (next.block !== null) yield next.block;
        hasState = next.mark !== null;
        if (next.mark === null) continue;
        const { state, recordCount } = next.mark;
        yield streamState(stream, state as unknown as JsonObject, recordCount);
        if (input.drain.aborted) return yield { type: 'DRAINED' };
        continue;
      }
      if (failure !== null)
        throw asMysqlError((failure as { error: unknown }).error, input.abort, place, 'source');
      if (isOver) break;
      if (input.drain.aborted) {
        const state = rows.state();
        // What has no state to come is read again anyway.
        if (state === null || (hasState && records.records === 0)) return yield { type: 'DRAINED' };
        mark(state);
        continue;
      }
      const woken = new Promise<void>((resolve) => (wake = resolve));
      // What the driver holds back comes while this runs.
      session.resume();
      await woken;
    }
    if (zeros > 0) yield zeroDates(stream, zeros);
  } finally {
    isOver = true;
    input.drain.removeEventListener('abort', onDrain);
  }
}

const textOf = (field: Buffer | null | undefined): string | null =>
  field == null ? null : field.toString('utf8');

export function warning(stream: StreamDescriptor, text: string): LogMessage {
  return { type: 'LOG', log: { level: 'WARN', message: `${streamId(stream)}: ${text}` } };
}

const zeroDates = (stream: StreamDescriptor, count: number): LogMessage =>
  warning(stream, `${count} dates that are none, such as 0000-00-00, were sent as null.`);

function tooLarge(stream: StreamDescriptor, place: string): Error {
  return refusalsOf('source')(
    'MySQL cannot write a row.',
    `stream ${streamId(stream)} at ${place}`,
    'A row as JSON is larger than max_allowed_packet: raise that on the server, or leave its large columns out with columns.',
    streamId(stream),
  );
}
