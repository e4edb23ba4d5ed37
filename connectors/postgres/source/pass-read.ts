import type { JsonObject, LogMessage, StreamId } from '../../../protocol/index.ts';
import { streamState, type StreamItem } from '../../kit/read-streams.ts';
import { createPass, hashesMax, type PassRow } from '../../kit/tables-source/pass.ts';
import { createRecords, type MarkedBlock } from '../../kit/tables-source/records.ts';
import { stateJson, type Bounds, type Place } from '../../kit/tables-source/state.ts';
import { defaultCheckpointRecords } from './config.ts';
import { copyOut, idle } from './copy-out.ts';
import { binaryRows, type CopyRow } from './copy-rows.ts';
import { literal, stretchSql, type Stretch } from './order.ts';
import { fromSql, relationSql, type Cursor, type Selection } from './selection.ts';
import { copySql, logged, type StreamRead } from './transaction.ts';

export type OrderedRead = StreamRead & {
  readonly selection: Selection & { readonly cursor: Cursor };
};

/** What only hashes rows is quick enough to come to its end. */
const never = new AbortController().signal;

/** How far a stream is, between two readings. */
export interface Reached {
  readonly place: Place | null;
  readonly cursor: string | null;
}

const isTrue = 1;

/** A row of `stretchSql`. */
function passRow([data, cursor, near, ...key]: CopyRow): PassRow {
  return {
    data: data!,
    cursor: cursor!.toString(),
    isNear: near![0] === isTrue,
    key: () => (key.length === 0 ? null : key.map((one) => one!.toString())),
  };
}

interface Mark {
  readonly state: JsonObject;
  readonly records: number;
}

/** Reads a stretch in the order of the cursor, with a state every so often. Answers how far it is; null: it was drained. */
export async function* readStretch(
  read: OrderedRead,
  stretch: Stretch,
  start: Reached,
): AsyncGenerator<StreamItem, Reached | null, undefined> {
  const { selection, input, session, id, stream } = read;
  const { bounds } = stretch;
  const checkpointRecords = input.config.checkpoint_records ?? defaultCheckpointRecords;
  const pass = createPass({ ...start, near: bounds.near ?? null });
  const filled: MarkedBlock<Mark>[] = [];
  const records = createRecords<Mark>({
    ...{ id, stream, emittedAt: Date.now() },
    give: (block) => void filled.push(block),
  });
  let looked = 0;
  const mark = (): Mark | null => {
    const place = pass.place();
    if (place === null) return null;
    looked = 0;
    const { upTo, near } = bounds;
    const now: Bounds = { upTo, ...(near !== undefined && pass.keepsNear && { near }) };
    const state = stateOf(selection.cursor, { place, cursor: pass.cursor }, now);
    return { state, records: records.records };
  };
  const copy = copyOut<MarkedBlock<Mark>, CopyRow>(session, {
    sql: copySql(stretchSql(selection, stretch), 'binary'),
    rows: binaryRows,
    row(fields, give) {
      const row = passRow(fields);
      if (pass.take(row)) records.add(row.data);
      looked += 1;
      if (looked >= checkpointRecords || input.drain.aborted) {
        const due = mark();
        if (due !== null) records.cut(due);
      }
      filled.splice(0).forEach(give);
    },
    end(give) {
      records.cut(null);
      filled.splice(0).forEach(give);
    },
    drain: input.drain,
  });
  let uncovered = 0;
  for await (const item of copy) {
    if (item !== idle) {
      if (item.block !== null) {
        uncovered += item.block.records;
        yield item.block;
      }
      if (item.mark !== null) {
        yield streamState(stream, item.mark.state, item.mark.records);
        uncovered = 0;
      }
    }
    if (input.drain.aborted && uncovered === 0) {
      yield { type: 'DRAINED' };
      return null;
    }
  }
  const place = pass.end();
  const reached = { place, cursor: bounds.upTo };
  yield streamState(stream, stateOf(selection.cursor, reached), uncovered);
  if (bounds.near !== undefined && !pass.keepsNear)
    yield logged(
      'WARN',
      `${id}: more than ${hashesMax} rows lie within the look-back: the next sync sends them again.`,
    );
  else if (place !== null && 'after' in place) yield coarse(id, place.key !== undefined);
  return reached;
}

export function stateOf(
  cursor: Cursor,
  { place, cursor: value }: Reached,
  bounds?: Bounds,
): JsonObject {
  return stateJson({
    version: 1,
    cursor_field: cursor.name,
    cursor: value,
    ...(bounds !== undefined && { bounds }),
    place,
  });
}

function coarse(id: StreamId, isKeyed: boolean): LogMessage {
  const unless = isKeyed ? ', unless their key is higher' : '';
  return logged(
    'WARN',
    `${id}: more than ${hashesMax} rows have the highest value of the cursor. Rows that come later with that value are found by a look_back only${unless}.`,
  );
}

/** How far a stream is once all up to a bound was read in another order. The transaction that read it asks. */
export async function reachedAt(read: OrderedRead, bounds: Bounds): Promise<Reached> {
  const { upTo, near } = bounds;
  const all = near === undefined ? null : await remembered(read, bounds, near);
  const place = all ?? (await remembered(read, { upTo }, upTo)) ?? (await lastAt(read, upTo));
  return { place, cursor: upTo };
}

/** null: there are too many. */
async function remembered(read: OrderedRead, bounds: Bounds, from: string): Promise<Place | null> {
  const { session, selection } = read;
  // All rows from there on may have moved above the bound since the load began: then none of them was sent.
  const place = { since: from, sent: [] };
  const select = stretchSql(selection, { bounds, place, again: null });
  const pass = createPass({ place, cursor: null, near: from });
  let rows = 0;
  const copy = copyOut<never, CopyRow>(session, {
    sql: copySql(`${select} LIMIT ${hashesMax + 1}`, 'binary'),
    rows: binaryRows,
    row(fields) {
      rows += 1;
      pass.take({ ...passRow(fields), isNear: true });
    },
    end: () => undefined,
    drain: never,
  });
  for await (const _ of copy) continue;
  return rows > hashesMax ? null : pass.end();
}

/** The highest key at a value. */
async function lastAt({ session, selection }: OrderedRead, value: string): Promise<Place> {
  const { relation, cursor, key } = selection;
  if (key.length === 0) return { after: value };
  const { rows } = await session.query(
    `SELECT json_build_array(${key.map((one) => `${one}::text`).join(', ')}) AS key
     FROM ${fromSql(relationSql(relation))} WHERE ${cursor.column} = ${literal(cursor, value)}
     ORDER BY ${key.map((one) => `${one} DESC`).join(', ')} LIMIT 1`,
  );
  return { after: value, key: rows[0]!['key'] as readonly string[] };
}
