import { streamId, type JsonObject, type State } from '../../../protocol/index.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import { streamState, type StreamItems } from '../../kit/read-streams.ts';
import { parseTableState, type TableState } from '../../kit/tables-source/state.ts';
import { streamRows, type StreamRead } from './rows.ts';
import { comparison, literalOf, orderBy, type Selection } from './selection.ts';

/** How far a table was read in the order of its key: all up to `after`, of what there was up to `upTo` when it began. */
interface Load {
  readonly key: readonly string[];
  /** null: there was no row. */
  readonly upTo: readonly string[] | null;
  /** null: nothing was read yet. */
  readonly after: readonly string[] | null;
}

/** A table as a whole, in pieces in the order of its key; without one in one piece, which no state covers. */
export function loadTable(
  read: StreamRead,
  selection: Selection,
  state: State | undefined,
): StreamItems {
  return selection.key.length === 0
    ? loadWhole(read, selection)
    : loadByKey(read, selection, state);
}

function loadWhole(read: StreamRead, { json, zeros, from }: Selection): StreamItems {
  return streamRows(read, {
    sql: `SELECT ${json}, ${zeros} FROM ${from}`,
    take: () => true,
    state: () => null,
    end: () => null,
  });
}

async function* loadByKey(
  read: StreamRead,
  selection: Selection,
  state: State | undefined,
): StreamItems {
  const { stream, checkpointRecords } = read;
  const id = streamId(stream);
  const before = parseTableState(state?.stream?.stream_state, null, id);
  const { key } = selection;
  const names = key.map(({ name }) => name);
  let load: Load =
    before === null
      ? { key: names, upTo: await highest(read, selection), after: null }
      : parseLoad(before, names, id);
  const stateOf = (): TableState => ({ version: 1, load: load as unknown as JsonObject });
  if (load.upTo === null) return yield streamState(stream, stateOf() as unknown as JsonObject, 0);
  const { upTo } = load;
  const literals = (texts: readonly string[]): readonly string[] =>
    key.map((one, i) => literalOf(one, texts[i]!, id));
  const last = comparison(key, '<=', literals(upTo));
  const fields = [selection.json, selection.zeros, ...key.map(({ text, column }) => text(column))];
  for (;;) {
    const conditions = [
      ...(load.after === null ? [] : [comparison(key, '>', literals(load.after))]),
      last,
    ];
    let taken = 0;
    const piece = streamRows(read, {
      sql: `SELECT ${fields.join(', ')} FROM ${selection.from} WHERE ${conditions.map((one) => `(${one})`).join(' AND ')}
        ORDER BY ${orderBy(key)} LIMIT ${checkpointRecords}`,
      take(texts) {
        taken += 1;
        load = { ...load, after: texts as string[] };
        return true;
      },
      state: stateOf,
      // One stands at its last row already.
      end: () => (taken === checkpointRecords ? null : stateOf()),
    });
    for await (const item of piece) {
      yield item;
      if (item.type === 'DRAINED') return;
    }
    if (taken < checkpointRecords) return;
  }
}

/** The highest key that there is now; null: there is no row. */
async function highest(
  { session }: StreamRead,
  { key, from }: Selection,
): Promise<readonly string[] | null> {
  const [row] = await session.query(
    `SELECT ${key.map(({ text, column }) => text(column)).join(', ')} FROM ${from}
     ORDER BY ${orderBy(key, 'DESC')} LIMIT 1`,
  );
  return (row as readonly string[] | undefined) ?? null;
}

function parseLoad({ load }: TableState, names: readonly string[], stream: string): Load {
  const isTexts = (value: unknown): boolean =>
    Array.isArray(value) &&
    value.length === names.length &&
    value.every((one) => typeof one === 'string');
  const { key, upTo, after } = load ?? {};
  const isOurs =
    isTexts(key) && (upTo === null || isTexts(upTo)) && (after === null || isTexts(after));
  if (isOurs && names.every((name, i) => name === (key as readonly unknown[])[i]))
    return load as unknown as Load;
  throw refusalsOf('source')(
    'The state of a stream does not fit the key of its table.',
    `stream ${stream}: key ${names.join(', ')}`,
    'Read it from its start: tidemark refresh <connection> with this stream.',
    stream,
  );
}
