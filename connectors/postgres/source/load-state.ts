import type { Json, JsonObject } from '../../../protocol/index.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import type { Unit } from './units.ts';

/** What of a unit was read, from its first page on: up to this page, under the snapshot of this number. */
type Segment = readonly [to: number, snapshot: number];
type TableCells = readonly [oid: number, file: number, segments: readonly Segment[], whole: 0 | 1];

/**
 * How far a table was read in the order of its pages. `snapshots`: of each attempt that read some of it, the oldest transaction that was not
 * over when it looked; as 64-bit numbers, which never come again.
 */
export interface LoadState {
  /** With a cursor: the highest value when the load began; what is above is left for later. */
  readonly upTo?: string | null;
  readonly snapshots: readonly string[];
  readonly tables: readonly TableCells[];
}

/** Pages from a to b of a unit. `since`: only rows that were written by this transaction or a later one; null: all. */
export interface Range {
  readonly unit: Unit;
  readonly from: number;
  readonly to: number;
  readonly since: string | null;
}

/** A transaction's number is known by its lower half alone; older ones can't be compared with it. */
const ageMax = 2n ** 31n - 100_000_000n;
/** Looking through what was read is quicker than reading. */
const lookedRanges = 16;

export interface Load {
  /** What to read next; null: all pages were looked at under the present snapshot. */
  next(): Range | null;
  /** It was read. */
  finish(range: Range): void;
  state(): JsonObject;
  /** Names of what was rewritten since it was read in part: it is read again from its start. */
  readonly again: readonly string[];
}

/**
 * Rows stay where they are, or get a new place and a newer transaction. So what is in a page that was read before is either what was
 * read, or newer: once every page was looked at under one snapshot, each row was sent, and what did not change was sent once.
 */
export function createLoad(
  units: readonly Unit[],
  state: LoadState | null,
  /** Of this attempt. */
  snapshot: { readonly oldest: bigint; readonly next: bigint },
): Load {
  const before = state?.snapshots ?? [];
  const isComparable = (text: string): boolean => snapshot.next - BigInt(text) < ageMax;
  const tooOld = before.some((text) => !isComparable(text));
  const known = new Map((tooOld ? [] : (state?.tables ?? [])).map((cells) => [cells[0], cells]));
  const now = before.length;
  const snapshots = [...before, String(snapshot.oldest)];
  const again: string[] = [];
  const read = new Map(units.map((unit) => [unit, segmentsOf(unit, known.get(unit.oid), again)]));
  if (tooOld) again.push('the table');

  const reached = (unit: Unit): number => read.get(unit)!.at(-1)?.[0] ?? 0;

  function unread(): Range | null {
    const unit = units.find((one) => reached(one) < one.pages);
    if (unit === undefined) return null;
    const from = reached(unit);
    return { unit, from, to: Math.min(unit.pages, from + unit.rangePages), since: null };
  }

  function unlooked(): Range | null {
    for (const unit of units) {
      let from = 0;
      for (const [to, number] of read.get(unit)!) {
        const most = from + unit.rangePages * lookedRanges;
        if (number !== now)
          return { unit, from, to: Math.min(to, most), since: snapshots[number]! };
        from = to;
      }
    }
    return null;
  }

  return {
    next: () => unread() ?? unlooked(),
    finish({ unit, from, to }) {
      const segments = read.get(unit)!;
      const [lower, upper] = [cut(segments, 0, from), cut(segments, to, Infinity)];
      read.set(unit, merged([...lower, [to, now], ...upper]));
    },
    state() {
      const tables = units.map((unit): TableCells => {
        const isWhole = reached(unit) >= unit.pages;
        return [unit.oid, unit.file, read.get(unit)!, isWhole ? 1 : 0];
      });
      return renumbered({ snapshots, tables }) as unknown as JsonObject;
    },
    again,
  };
}

function segmentsOf(
  unit: Unit,
  cells: TableCells | undefined,
  again: string[],
): readonly Segment[] {
  if (cells === undefined) return [];
  const [, file, segments, whole] = cells;
  if (file === unit.file || segments.length === 0) return segments;
  // All of it was read: whatever page a row is in now, its transaction tells.
  if (whole === 1) return [[unit.pages, Math.min(...segments.map(([, number]) => number))]];
  again.push(unit.sql.replace(/^ONLY /, ''));
  return [];
}

/** Those parts of segments that lie between two pages. */
function cut(segments: readonly Segment[], from: number, to: number): readonly Segment[] {
  const parts: Segment[] = [];
  let start = 0;
  for (const [end, number] of segments) {
    if (Math.min(end, to) > Math.max(start, from)) parts.push([Math.min(end, to), number]);
    start = end;
  }
  return parts;
}

const merged = (segments: readonly Segment[]): readonly Segment[] =>
  segments.filter(([, number], i) => segments[i + 1]?.[1] !== number);

/** Only the snapshots that are still named. */
function renumbered({ snapshots, tables }: LoadState): LoadState {
  const used = new Set(tables.flatMap(([, , segments]) => segments.map(([, number]) => number)));
  const kept = snapshots.flatMap((_, number) => (used.has(number) ? [number] : []));
  const cells = tables.map(([oid, file, segments, whole]): TableCells => [
    ...([oid, file] as const),
    segments.map(([to, number]): Segment => [to, kept.indexOf(number)]),
    whole,
  ]);
  return { snapshots: kept.map((number) => snapshots[number]!), tables: cells };
}

/** Throws where it is none of this source. */
export function parseLoad(load: JsonObject, stream: string): LoadState {
  const { snapshots, tables, upTo } = load;
  const isOurs =
    Array.isArray(snapshots) &&
    (snapshots as Json[]).every((one) => typeof one === 'string' && /^\d+$/.test(one)) &&
    Array.isArray(tables) &&
    (tables as Json[]).every((cells) => isTable(cells, snapshots.length)) &&
    (upTo === undefined || upTo === null || typeof upTo === 'string');
  if (isOurs) return load as unknown as LoadState;
  throw refusalsOf('source')(
    'The state of a stream is not one of the Postgres source.',
    `stream ${stream}`,
    'Read it from its start: tidemark refresh <connection> with this stream.',
    stream,
  );
}

function isTable(cells: Json, snapshots: number): boolean {
  if (!Array.isArray(cells)) return false;
  const [oid, file, segments] = cells as Json[];
  return (
    typeof oid === 'number' &&
    typeof file === 'number' &&
    Array.isArray(segments) &&
    (segments as Json[]).every(
      (one) =>
        Array.isArray(one) &&
        typeof one[0] === 'number' &&
        Number.isInteger(one[1]) &&
        (one[1] as number) < snapshots,
    )
  );
}
