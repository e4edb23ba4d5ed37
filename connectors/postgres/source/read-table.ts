import type { State } from '../../../protocol/index.ts';
import { streamState, type StreamItem, type StreamItems } from '../../kit/read-streams.ts';
import { parseTableState, stateJson, type TableState } from '../../kit/tables-source/state.ts';
import { hasPlaces } from './discover.ts';
import { checkpointPages, readRanges, readWhole, unplaced } from './load.ts';
import { createLoad, parseLoad, type LoadState } from './load-state.ts';
import { boundsUpTo, highest, type Stretch } from './order.ts';
import { reachedAt, readStretch, stateOf, type OrderedRead, type Reached } from './pass-read.ts';
import { fromSql, relationSql } from './selection.ts';
import { beginReading, endReading, logged, type StreamRead } from './transaction.ts';
import { unitsOf, type Unit } from './units.ts';

/** Rows without a place in the order are counted up to this. */
const countedMax = 1_000;

/** What follows when a part of the reading is over; `drained`: nothing. */
type Parts<T> = AsyncGenerator<StreamItem, T | 'drained', undefined>;

/** What a full refresh that is over says: an attempt of the same sync has nothing to read. */
const loaded = stateJson({ version: 1, load: { done: true } });

/** Reads one stream from its state on, in transactions of its own that see one moment. */
export async function* readTable(
  of: Omit<StreamRead, 'snapshot'>,
  state: State | undefined,
): StreamItems {
  const { selection, session, id } = of;
  const field = selection.cursor?.name ?? null;
  const before = parseTableState(state?.stream?.stream_state, field, id);
  const read = { ...of, snapshot: await beginReading(session, selection) };
  read.began?.(read.snapshot);
  const ordered = isOrdered(read) ? read : null;
  const end = yield* ordered === null ? readInFull(read, before) : readByCursor(ordered, before);
  if (end === 'drained') return yield { type: 'DRAINED' };
  await endReading(session);
}

const isOrdered = (read: StreamRead): read is OrderedRead => read.selection.cursor !== null;

async function* readInFull(read: StreamRead, before: TableState | null): Parts<'over'> {
  if (before?.load?.['done'] === true) {
    yield streamState(read.stream, loaded, 0);
    return 'over';
  }
  const units = yield* unitsIfAny(read);
  if (units === null) {
    for await (const item of readWhole(read, null)) {
      if (item.type === 'DRAINED') return 'drained';
      yield item;
    }
    return 'over';
  }
  const end = yield* readLoad(read, { units, upTo: null, state: before });
  if (end === 'drained') return end;
  yield streamState(read.stream, loaded, 0);
  return 'over';
}

interface Wanted {
  readonly units: readonly Unit[];
  readonly upTo: string | null;
  readonly state: TableState | null;
}

async function* readLoad(read: StreamRead, { units, upTo, state }: Wanted): Parts<'over'> {
  const known: LoadState | null = state?.load === undefined ? null : parseLoad(state.load, read.id);
  const load = createLoad(units, known, read.snapshot);
  for (const what of load.again)
    yield logged(
      'WARN',
      `${read.id}: ${what} was rewritten since it was read in part. It is read again from its start; rows that were read before come twice.`,
    );
  for await (const item of readRanges(read, { load, units, upTo })) {
    if (item.type === 'DRAINED') return 'drained';
    yield item;
  }
  return 'over';
}

/** null: it is read in one statement. */
async function* unitsIfAny(
  read: StreamRead,
): AsyncGenerator<StreamItem, readonly Unit[] | null, undefined> {
  const { session, selection, id } = read;
  if (!hasPlaces(selection.relation)) return null;
  const units = await unitsOf(session, selection.relation, checkpointPages(read));
  if (!('why' in units)) return units;
  yield logged('WARN', `${id} is read in one statement, without checkpoints: ${units.why}.`);
  return null;
}

async function* readByCursor(read: OrderedRead, before: TableState | null): Parts<'over'> {
  yield* tellUnplaced(read);
  const { session, selection, lookBack } = read;
  const top = await highest(session, selection);
  let reached: Reached;
  let isUpToDate = false;
  if (before?.place === undefined) {
    const first = yield* readFirst(read, before, top);
    if (first === 'drained') return first;
    reached = first;
    isUpToDate = before === null && first.place !== null;
  } else {
    const { place, cursor = null, bounds } = before;
    reached = { place, cursor };
    if (bounds !== undefined) {
      const finished = yield* readStretch(read, { place, bounds, again: null }, reached);
      if (finished === null) return 'drained';
      reached = finished;
    }
  }
  if (isUpToDate) return 'over';
  if (top === null) {
    yield streamState(read.stream, stateOf(selection.cursor, reached), 0);
    return 'over';
  }
  const again =
    lookBack === null || reached.cursor === null ? null : { below: reached.cursor, lookBack };
  // Never below what was read: rows at the top may be gone by now.
  const bounds = await boundsUpTo(session, selection.cursor, [top, reached.cursor], lookBack);
  const stretch: Stretch = { place: reached.place, bounds, again };
  return (yield* readStretch(read, stretch, reached)) === null ? 'drained' : 'over';
}

/** All that is there, as it is stored; of what has no places the rows without a value only: the others follow in order. */
async function* readFirst(
  read: OrderedRead,
  state: TableState | null,
  top: string | null,
): Parts<Reached> {
  const { session, selection, stream, lookBack } = read;
  const units = yield* unitsIfAny(read);
  let records = 0;
  let reached: Reached = { place: null, cursor: null };
  if (units === null) {
    for await (const item of readWhole(read, unplaced(selection.cursor))) {
      if (item.type === 'DRAINED') return 'drained';
      records += item.records;
      yield item;
    }
  } else {
    const known = state?.load?.['upTo'];
    const upTo = known === undefined ? top : (known as string | null);
    const end = yield* readLoad(read, { units, upTo, state });
    if (end === 'drained') return end;
    if (upTo !== null)
      reached = await reachedAt(
        read,
        await boundsUpTo(session, selection.cursor, [upTo], lookBack),
      );
  }
  yield streamState(stream, stateOf(selection.cursor, reached), records);
  return reached;
}

async function* tellUnplaced({
  session,
  selection,
  id,
}: OrderedRead): AsyncGenerator<StreamItem, void, undefined> {
  const { cursor, relation } = selection;
  if (cursor.isAlwaysPlaced) return;
  const { rows } = await session.query(
    `SELECT count(*)::int AS count FROM (SELECT FROM ${fromSql(relationSql(relation))}
     WHERE ${unplaced(cursor)} LIMIT ${countedMax + 1}) AS t`,
  );
  const count = rows[0]!['count'] as number;
  if (count === 0) return;
  const many = count > countedMax ? `More than ${countedMax}` : String(count);
  yield logged(
    'WARN',
    `${id}: ${many} rows have no value, or an infinite one, in ${cursor.name}. They are read in the first sync only: later ones are not found.`,
  );
}
