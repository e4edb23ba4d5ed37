import {
  generationOf,
  globalScope,
  isObject,
  isPending,
  leftPending,
  streamId,
  unfilledColumnsMax,
  unfilledStreamsMax,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type ConnectionState,
  type Checkpoint,
  type Scope,
  type StreamId,
  type UnfilledColumns,
  type UnfilledStream,
} from '../protocol/index.ts';
import type { Offer } from './offer.ts';
import { nameCharsMax, shorten } from './shorten.ts';

/**
 * By stream, the columns that rows written earlier lack, each with the number of the sync that found it. Kept beside the data with the
 * offer: a sync that nobody hears of any more has told it there.
 */
export type Unfilled = ReadonlyMap<StreamId, ReadonlyMap<string, number>>;

type Refreshes = Pick<ConnectionState, 'generations' | 'minimumGenerations'>;

export interface UnfilledInput {
  /** As an earlier sync kept it. */
  readonly before: Unfilled;
  /** Columns that this sync takes over. */
  readonly gained: ReadonlyMap<StreamId, readonly string[]>;
  readonly kept: Offer;
  readonly catalog: ConfiguredCatalog;
  readonly syncNo: number;
  /** What the connection holds as this attempt begins. */
  readonly held: Refreshes & { readonly checkpoints: readonly Checkpoint[] };
}

/**
 * What is unfilled as a sync begins. Only of incremental streams: what is read in full at every sync fills itself. A column that is found
 * by a sync which starts its stream from scratch has come in time; where that can't be told it counts as unfilled.
 */
export function unfilledOf(input: UnfilledInput): Unfilled {
  const { before, gained, kept, catalog, syncNo, held } = input;
  const incremental = catalog.streams.filter(({ sync_mode }) => sync_mode === 'incremental');
  const found = new Map<StreamId, Map<string, number>>();
  const add = (stream: StreamId, column: string, since: number): void => {
    const columns = found.get(stream) ?? new Map<string, number>();
    if (!columns.has(column)) columns.set(column, since);
    found.set(stream, columns);
  };
  for (const [stream, columns] of before)
    for (const [column, since] of columns)
      if (kept.get(stream)?.has(column) === true && !isFilled(stream, since, held))
        add(stream, column, since);
  const checkpoints = new Map(held.checkpoints.map((one) => [one.scope, one]));
  for (const stream of incremental.map((one) => streamId(one.stream)))
    if (!startsFromScratch(stream, checkpoints))
      for (const column of gained.get(stream) ?? []) add(stream, column, syncNo);
  return found;
}

/** A refresh that was asked for after the column was found has been carried out. */
function isFilled(stream: StreamId, since: number, refreshes: Refreshes): boolean {
  return generationOf(stream, refreshes).generation > since && !isPending(stream, refreshes);
}

/** A person reset its state, and nothing has been committed since. */
function startsFromScratch(stream: StreamId, checkpoints: ReadonlyMap<Scope, Checkpoint>): boolean {
  const own = [stream, globalScope].flatMap((scope) => checkpoints.get(scope as Scope) ?? []);
  return own.length > 0 && own.every(({ seq }) => seq === 0);
}

/** What stays unfilled once this sync has succeeded. */
export function unfilledAfter(
  unfilled: Unfilled,
  held: Refreshes & Pick<ConnectionState, 'clearing'>,
): Unfilled {
  const after = { ...held, minimumGenerations: leftPending(held) };
  const left = [...unfilled].map(
    ([stream, columns]) =>
      [
        stream,
        new Map([...columns].filter(([, since]) => !isFilled(stream, since, after))),
      ] as const,
  );
  return new Map(left.filter(([, columns]) => columns.size > 0));
}

/** For people, and for the policy that acts on it: what is still copied. null: nothing is unfilled. */
export function unfilledColumns(
  unfilled: Unfilled,
  { streams }: ConfiguredCatalog,
): UnfilledColumns | null {
  const all = streams.flatMap((one) => toldOf(one, unfilled));
  if (all.length === 0) return null;
  return { streams: all.slice(0, unfilledStreamsMax), streamCount: all.length };
}

function toldOf(configured: ConfiguredStream, unfilled: Unfilled): readonly UnfilledStream[] {
  const { stream: copied, sync_mode, destination_sync_mode } = configured;
  const stream = streamId(copied);
  const { properties } = copied.json_schema;
  const columns = [...(unfilled.get(stream)?.keys() ?? [])].filter(
    (column) => isObject(properties) && Object.hasOwn(properties, column),
  );
  if (columns.length === 0 || sync_mode !== 'incremental') return [];
  const again = destination_sync_mode === 'append_dedup' ? 'merges' : 'duplicates';
  return [
    {
      stream,
      columns: columns.slice(0, unfilledColumnsMax).map((name) => shorten(name, nameCharsMax)),
      count: columns.length,
      again,
    },
  ];
}
