import type { Block, JsonObject, LogMessage, StateMessage } from '../../../protocol/index.ts';
import { quoteLiteral } from '../../kit/identifiers.ts';
import { streamState, type Drained, type StreamItems } from '../../kit/read-streams.ts';
import { pieceBytesMax, readAhead } from '../../kit/tables-source/read-ahead.ts';
import { stateJson } from '../../kit/tables-source/state.ts';
import type { Session } from '../session.ts';
import { defaultCheckpointPages } from './config.ts';
import { idle } from './copy-out.ts';
import { copyRecords, rowsOf } from './load-rows.ts';
import type { Load, Range } from './load-state.ts';
import { createPieces, type Piece } from './pieces.ts';
import { fromSql, relationSql, type Cursor, type Selection } from './selection.ts';
import { logged, type Snapshot, type StreamRead } from './transaction.ts';
import { unitsMax, type Unit } from './units.ts';

export const checkpointPages = ({ input: { config } }: StreamRead): number =>
  config.checkpoint_pages ?? defaultCheckpointPages;

/** What of a load is still to be read: all that has no place in the order, and what is not above the bound. */
function below({ cursor }: Selection, upTo: string | null): readonly string[] {
  if (cursor === null) return [];
  return upTo === null ? [unplaced(cursor)] : [`(${upToSql(cursor, upTo)} OR ${unplaced(cursor)})`];
}

const upToSql = (cursor: Cursor, upTo: string): string =>
  `${cursor.column} <= ${quoteLiteral(upTo)}::${cursor.sql}`;

export const unplaced = ({ placed }: Cursor): string => `(${placed}) IS NOT TRUE`;

/** `row`: the columns of a row. */
function rangeSql(
  { selection, snapshot }: StreamRead,
  row: string,
  { unit, from, to, but }: Range,
  upTo: string | null,
): string {
  const conditions = [
    `s.ctid >= '(${from},0)'`,
    `s.ctid < '(${to},0)'`,
    ...(but === null ? [] : [isLater(but[0]), notOf(but[1] ?? [])]),
    ...below(selection, upTo),
  ];
  const later = tellsLater(snapshot)
    ? `, CASE WHEN ${isLater(String(snapshot.oldest))} THEN s.xmin::text END`
    : '';
  return `SELECT ${row}${later} FROM ${fromSql(unit.sql)} WHERE ${conditions.join(' AND ')}`;
}

/** With each row comes its transaction, where that is not below the snapshot's oldest. */
const tellsLater = ({ oldest, next }: Snapshot): boolean => oldest !== next;
/** A row's number has 32 bits; how old it is can be compared. */
const isLater = (oldest: string): string => `age(s.xmin) <= age('${oldest}'::xid8::xid)`;
const notOf = (transactions: readonly string[]): string =>
  `s.xmin <> ALL('{${transactions.join(',')}}'::xid[])`;

/** What sessions read ahead waits within these, bytes: for each session, and for all. Invariant 7. */
const sessionBytesMax = 4 * 1024 * 1024;
const aheadBytesMax = 32 * 1024 * 1024;
/** Of what a piece may take, what it is cut to come to: some come to more than those before them tell. */
const pieceShare = 0.75;

/** A load, and how it is read. */
export interface Loading {
  readonly load: Load;
  readonly units: readonly Unit[];
  readonly upTo: string | null;
}

/** Reads a table range by range, with a state after each; several sessions read pieces of them at once, which come in order all the same. */
export async function* readRanges(read: StreamRead, { load, units, upTo }: Loading): StreamItems {
  const { selection, input, stream, helpers, snapshot } = read;
  const rows = rowsOf(read);
  const saw = tellsLater(snapshot) ? (later: string): void => load.saw(later) : null;
  const sessions = yield* sessionsOf(read, load, units);
  const hands = sessions.length;
  const bytesMax = Math.min(aheadBytesMax, sessionBytesMax * hands);
  const wanted = hands === 1 ? null : pieceBytesMax({ hands, bytesMax }) * pieceShare;
  const pieces = createPieces(load, wanted);
  const ahead = readAhead<Piece, Block | typeof idle>({
    ...{ hands, bytesMax, next: () => pieces.next() },
    fetch: ({ range }, hand) =>
      copyRecords({ ...read, session: sessions[hand]! }, rows, {
        select: rangeSql(read, rows.row, range, upTo),
        saw,
      }),
    bytesOf: (item) => (item === idle ? 0 : item.bytes.byteLength),
    stop: () => sessions.forEach((session) => session.destroy()),
  });
  const state = (): StateMessage =>
    streamState(stream, loadState(selection, load.state(), upTo), records);
  let records = 0;
  let isCovered = true;
  for await (const { piece, hand, items } of ahead) {
    read.awaits?.(sessions[hand]!);
    if (input.drain.aborted) {
      if (!isCovered) yield state();
      return yield { type: 'DRAINED' };
    }
    let bytes = 0;
    for await (const item of items) {
      if (item === idle) {
        if (records === 0) return yield { type: 'DRAINED' };
        continue;
      }
      records += item.records;
      bytes += item.bytes.byteLength;
      yield item;
    }
    load.finish(piece.range);
    pieces.came(piece, bytes);
    isCovered = piece.isLast;
    if (!isCovered) continue;
    yield state();
    records = 0;
  }
  await helpers.leave();
}

/** The one that leads, and as many beside it as are asked for and have something to do. */
async function* sessionsOf(
  read: StreamRead,
  load: Load,
  units: readonly Unit[],
): AsyncGenerator<LogMessage, readonly Session[], undefined> {
  const { session, selection, helpers, id, input } = read;
  const { parallelism = 1 } = input;
  // Each of them locks all tables of the stream, and the server has room for so many locks.
  const most = Math.min(parallelism, Math.floor(unitsMax / Math.max(1, units.length)));
  const count = load.count(most) - 1;
  if (count < 1) return [session];
  const joined = await helpers.join(session, selection, count);
  if (!('why' in joined)) return [session, ...joined];
  yield logged(
    'WARN',
    `${id} is read by one session, though parallelism is ${parallelism}: ${joined.why}`,
  );
  return [session];
}

function loadState({ cursor }: Selection, load: JsonObject, upTo: string | null): JsonObject {
  return stateJson(
    cursor === null
      ? { version: 1, load }
      : { version: 1, cursor_field: cursor.name, load: { ...load, upTo } },
  );
}

/** A view, or what has no places of its own: in one statement, a checkpoint only as a whole. */
export async function* readWhole(
  read: StreamRead,
  condition: string | null,
): AsyncGenerator<Block | Drained> {
  const {
    selection,
    input: { drain },
  } = read;
  const where = condition === null ? '' : ` WHERE ${condition}`;
  const rows = rowsOf(read);
  const select = `SELECT ${rows.row} FROM ${fromSql(relationSql(selection.relation))}${where}`;
  for await (const item of copyRecords(read, rows, { select, saw: null })) {
    if (item !== idle) yield item;
    // What came of it is no checkpoint, and would be read again in any case.
    if (drain.aborted) return yield { type: 'DRAINED' };
  }
}
