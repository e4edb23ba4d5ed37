import type { Json, JsonObject } from '../../../protocol/index.ts';
import { refusalsOf } from '../../kit/refuse-config.ts';
import type { Unit } from './units.ts';

/** What of a unit was read, from its first page on: up to this page, under the snapshot of this number. */
type Segment = readonly [to: number, snapshot: number];
type TableCells = readonly [oid: number, file: number, segments: readonly Segment[], whole: 0 | 1];

/**
 * What an attempt saw: every transaction below `oldest` (a 64-bit number, which never comes again), and of the later ones those whose rows it
 * met. null: they were more than are kept. (What a snapshot says of itself would not do: it does not know subtransactions, whose rows have
 * numbers of their own.)
 */
type Seen = readonly [oldest: string, later: readonly string[] | null];

/** Transactions that are kept by number. */
export const seenMax = 1_000;

/** How far a table was read in the order of its pages. `snapshots`: of each attempt that read some of it. */
export interface LoadState {
  /** With a cursor: the highest value when the load began; what is above is left for later. */
  readonly upTo?: string | null;
  readonly snapshots: readonly Seen[];
  readonly tables: readonly TableCells[];
}

/** Pages from a to b of a unit. `but`: without the rows of these transactions; null: all. */
export interface Range {
  readonly unit: Unit;
  readonly from: number;
  readonly to: number;
  readonly but: Seen | null;
}

/** A transaction's number is known by its lower half alone; older ones can't be compared with it. */
const ageMax = 2n ** 31n - 100_000_000n;
/** Looking through what was read is quicker than reading. */
const lookedRanges = 16;

export interface Load {
  /** What to read next, read or not what it gave before; null: then all pages are looked at under the present snapshot. */
  next(): Range | null;
  /** Ranges that are to be read, counted up to so many. */
  count(most: number): number;
  /** Of rows that are read: a transaction that is not below the oldest. 32 bits, as rows have it. What sees this moment may say so at any time. */
  saw(transaction: string): void;
  /** It was read, or the beginning of it: in the order in which `next` gave them. */
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
  const isComparable = ([oldest]: Seen): boolean => snapshot.next - BigInt(oldest) < ageMax;
  const tooOld = before.some((text) => !isComparable(text));
  const known = new Map((tooOld ? [] : (state?.tables ?? [])).map((cells) => [cells[0], cells]));
  const now = before.length;
  let later: Set<string> | null = seenBy(tooOld ? [] : before, snapshot);
  const snapshots = (): readonly Seen[] => [
    ...before,
    [String(snapshot.oldest), later === null ? null : [...later]],
  ];
  const again: string[] = [];
  const read = new Map(units.map((unit) => [unit, segmentsOf(unit, known.get(unit.oid), again)]));
  if (tooOld) again.push('the table');

  const reached = (unit: Unit): number => read.get(unit)!.at(-1)?.[0] ?? 0;

  /** What is unread, then what earlier attempts read. */
  function* ranges(): Generator<Range, void, undefined> {
    const known = units.map((unit) => ({ unit, segments: read.get(unit)! }));
    for (const { unit, segments } of known)
      yield* cutUp({ unit, from: segments.at(-1)?.[0] ?? 0, to: unit.pages, but: null }, 1);
    for (const { unit, segments } of known) {
      let from = 0;
      for (const [to, number] of segments) {
        yield* cutUp({ unit, from, to, but: before[number]! }, lookedRanges);
        from = to;
      }
    }
  }
  const given = ranges();

  return {
    next: () => given.next().value ?? null,
    count(most) {
      let count = 0;
      for (const _ of ranges()) if ((count += 1) >= most) break;
      return count;
    },
    saw(transaction) {
      // Invariant 7. Rows of those that are not kept come twice, and none is lost.
      if (later?.add(transaction).size === seenMax + 1) later = null;
    },
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
      return renumbered({ snapshots: snapshots(), tables }) as unknown as JsonObject;
    },
    again,
  };
}

function* cutUp({ unit, from, to, but }: Range, ranges: number): Generator<Range> {
  const most = unit.rangePages * ranges;
  for (let at = from; at < to; at += most)
    yield { unit, from: at, to: Math.min(to, at + most), but };
}

/** Of transactions that earlier attempts saw, those that this one can't tell by its own oldest: what one saw, later ones see. */
function seenBy(
  before: readonly Seen[],
  { oldest, next }: { readonly oldest: bigint; readonly next: bigint },
): Set<string> {
  const all = before.flatMap(([, later]) => later ?? []);
  // The lower half of a number, as the number nearest below the next one.
  const whole = (half: string): bigint => next - BigInt.asUintN(32, next - BigInt(half));
  return new Set(all.filter((half) => whole(half) >= oldest).slice(0, seenMax));
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
    (snapshots as Json[]).every(isSeen) &&
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

function isSeen(value: Json): boolean {
  if (!Array.isArray(value)) return false;
  const [oldest, later] = value as Json[];
  const isNumber = (one: Json | undefined): boolean => typeof one === 'string' && /^\d+$/.test(one);
  return (
    isNumber(oldest) &&
    (later === null || (Array.isArray(later) && (later as Json[]).every(isNumber)))
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
