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

function rangeSql(
  selection: Selection,
  { unit, from, to, since }: Range,
  upTo: string | null,
): string {
  const conditions = [
    `s.ctid >= '(${from},0)'`,
    `s.ctid < '(${to},0)'`,
    // `<=`: of what was under way nobody knows how it ended; a subtransaction has a number of its own, above its transaction's.
    ...(since === null ? [] : [`age(s.xmin) <= age('${since}'::xid8::xid)`]),
    ...below(selection, upTo),
  ];
  return `SELECT ${selection.json} FROM ${fromSql(unit.sql)} WHERE ${conditions.join(' AND ')}`;
}

/** Reads a table range by range, with a state after each. */
export async function* readRanges(read: StreamRead, load: Load, upTo: string | null): StreamItems {
  const { selection, input, stream } = read;
  for (let range = load.next(); range !== null; range = load.next()) {
    if (input.drain.aborted) return yield { type: 'DRAINED' };
    let records = 0;
    for await (const item of copyRecords(read, rangeSql(selection, range, upTo))) {
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

/** Blocks of what a statement gives; its first column is the rows' JSON. */
async function* copyRecords(
  { session, id, stream, input }: StreamRead,
  select: string,
): AsyncGenerator<Block | typeof idle, void, undefined> {
  const filled: Block[] = [];
  const records = createRecords<never>({
    ...{ id, stream, emittedAt: Date.now() },
    give: ({ block }) => void (block !== null && filled.push(block)),
  });
  const hand = (give: (block: Block) => void): void => filled.splice(0).forEach(give);
  yield* copyOut<Block>(session, {
    sql: copySql(select),
    row([data], give) {
      records.add(data!);
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
