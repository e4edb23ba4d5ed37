import type { Block, JsonObject } from '../../../protocol/index.ts';
import { quoteLiteral } from '../../kit/identifiers.ts';
import { streamState, type Drained, type StreamItems } from '../../kit/read-streams.ts';
import { createRecords } from '../../kit/tables-source/records.ts';
import { stateJson } from '../../kit/tables-source/state.ts';
import { defaultCheckpointPages } from './config.ts';
import { copyOut, idle } from './copy-out.ts';
import type { Load, Range } from './load-state.ts';
import { fromSql, relationSql, type Cursor, type Selection } from './selection.ts';
import { copySql, type StreamRead } from './transaction.ts';

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

/** With each row, its transaction where it is not below the snapshot's oldest. */
function rangeSql(read: StreamRead, { unit, from, to, but }: Range, upTo: string | null): string {
  const { selection, snapshot } = read;
  const conditions = [
    `s.ctid >= '(${from},0)'`,
    `s.ctid < '(${to},0)'`,
    ...(but === null ? [] : [isLater(but[0]), notOf(but[1] ?? [])]),
    ...below(selection, upTo),
  ];
  const { oldest, next } = snapshot;
  const later =
    oldest === next ? '' : `, CASE WHEN ${isLater(String(oldest))} THEN s.xmin::text END`;
  return `SELECT ${selection.json}${later} FROM ${fromSql(unit.sql)} WHERE ${conditions.join(' AND ')}`;
}

/** A row's number has 32 bits; how old it is can be compared. */
const isLater = (oldest: string): string => `age(s.xmin) <= age('${oldest}'::xid8::xid)`;
const notOf = (transactions: readonly string[]): string =>
  `s.xmin <> ALL('{${transactions.join(',')}}'::xid[])`;

/** Reads a table range by range, with a state after each. */
export async function* readRanges(read: StreamRead, load: Load, upTo: string | null): StreamItems {
  const { selection, input, stream } = read;
  for (let range = load.next(); range !== null; range = load.next()) {
    if (input.drain.aborted) return yield { type: 'DRAINED' };
    let records = 0;
    for await (const item of copyRecords(read, rangeSql(read, range, upTo), load)) {
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

/** Blocks of what a statement gives: its first column is the rows' JSON. */
async function* copyRecords(
  { session, id, stream, input }: StreamRead,
  select: string,
  load?: Load,
): AsyncGenerator<Block | typeof idle, void, undefined> {
  const filled: Block[] = [];
  const records = createRecords<never>({
    ...{ id, stream, emittedAt: Date.now() },
    give: ({ block }) => void (block !== null && filled.push(block)),
  });
  const hand = (give: (block: Block) => void): void => filled.splice(0).forEach(give);
  yield* copyOut<Block>(session, {
    sql: copySql(select),
    row([data, later], give) {
      records.add(data!);
      if (later != null) load!.saw(later.toString());
      if (filled.length > 0) hand(give);
    },
    end(give) {
      records.cut(null);
      hand(give);
    },
    drain: input.drain,
  });
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
  const select = `SELECT ${selection.json} FROM ${fromSql(relationSql(selection.relation))}${where}`;
  for await (const item of copyRecords(read, select)) {
    if (item !== idle) yield item;
    // What came of it is no checkpoint, and would be read again in any case.
    if (drain.aborted) return yield { type: 'DRAINED' };
  }
}
