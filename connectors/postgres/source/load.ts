import type { Block, JsonObject } from '../../../protocol/index.ts';
import { quoteLiteral } from '../../kit/identifiers.ts';
import { streamState, type Drained, type StreamItems } from '../../kit/read-streams.ts';
import { stateJson } from '../../kit/tables-source/state.ts';
import { defaultCheckpointPages } from './config.ts';
import { idle } from './copy-out.ts';
import { copyRecords, rowsOf } from './load-rows.ts';
import type { Load, Range } from './load-state.ts';
import { fromSql, relationSql, type Cursor, type Selection } from './selection.ts';
import type { Snapshot, StreamRead } from './transaction.ts';

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

/** Reads a table range by range, with a state after each. */
export async function* readRanges(read: StreamRead, load: Load, upTo: string | null): StreamItems {
  const { selection, input, stream, snapshot } = read;
  const rows = rowsOf(read);
  const saw = tellsLater(snapshot) ? (later: string): void => load.saw(later) : null;
  for (let range = load.next(); range !== null; range = load.next()) {
    if (input.drain.aborted) return yield { type: 'DRAINED' };
    let records = 0;
    for await (const item of copyRecords(read, rows, {
      select: rangeSql(read, rows.row, range, upTo),
      saw,
    })) {
      if (item === idle) {
        if (records === 0) return yield { type: 'DRAINED' };
        continue;
      }
      records += item.records;
      yield item;
    }
    load.finish(range);
    yield streamState(stream, loadState(selection, load.state(), upTo), records);
  }
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
