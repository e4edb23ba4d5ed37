import { createHash } from 'node:crypto';
import {
  changeText,
  schemaChangesMax,
  streamId,
  SyncError,
  type Catalog,
  type SchemaChange,
  type SchemaChanges,
  type SchemaPolicy,
  type StreamId,
  type StreamSelection,
} from '../protocol/index.ts';
import { compareOffers, offerOf, type Offer } from './offer.ts';
import { nameCharsMax, shorten } from './shorten.ts';

const typeCharsMax = 40;
/** Shown in a failure, which must stay small. */
const placeCharsMax = 280;
const idLength = 12;

export interface ReviewInput {
  readonly connection: string;
  readonly catalog: Catalog;
  /** Absent: every stream. */
  readonly selections: readonly StreamSelection[] | undefined;
  readonly policy: SchemaPolicy;
  /** What the source offered when it was last accepted; null: not known, so that whatever it offers is. */
  readonly before: Offer | null;
  /** The changes that a person has accepted, by their id. */
  readonly accepted: string | null;
}

export interface Review {
  /** null: nothing changed. */
  readonly changes: SchemaChanges | null;
  /** What is to be copied. */
  readonly catalog: Catalog;
  /** Tables take no new columns. */
  readonly frozen: boolean;
  /** Columns that streams have gained and that are taken over, by stream. */
  readonly gained: ReadonlyMap<StreamId, readonly string[]>;
  /** What the destination keeps as accepted. */
  readonly kept: Offer;
  /** The sync may not go on. */
  readonly refusal: SyncError | null;
}

/** Compares what the source offers with what was accepted, and does what the connection's policy says. */
export function reviewSchema(input: ReviewInput): Review {
  const { catalog, selections, policy, before, accepted } = input;
  const selected =
    selections === undefined ? null : new Map(selections.map((s) => [streamId(s), s]));
  const now = offerOf(catalog, (id) => selected?.has(id) ?? true);
  const same: Review = {
    changes: null,
    catalog,
    frozen: policy === 'ignore',
    gained: new Map(),
    kept: now,
    refusal: null,
  };
  if (before === null) return same;
  const all = compareOffers(before, now).filter(({ stream, column }) => {
    const columns = selected?.get(stream)?.columns;
    return column === undefined || columns === undefined || columns.includes(column);
  });
  if (all.length === 0) return same;
  const ours = all.filter(({ stream, column, change }) => {
    if (column !== undefined) return true;
    return change === 'added' ? selected === null : before.get(stream) !== null;
  });
  const id = hashOf(ours);
  const isAccepted = ours.length > 0 && accepted === id;
  const taken = ours.length === 0 || policy === 'propagate' || isAccepted;
  const changes = bounded(id, taken, all);
  if (taken) {
    const frozen = policy === 'ignore' && !isAccepted;
    return { ...same, changes, frozen, gained: frozen ? same.gained : gainedBy(ours) };
  }
  if (policy === 'pause')
    return { ...same, changes, kept: before, refusal: paused(input, id, ours) };
  const isNew = (stream: StreamId): boolean => selected === null && !before.has(stream);
  return {
    ...same,
    changes,
    catalog: { streams: catalog.streams.filter((stream) => !isNew(streamId(stream))) },
    kept: keptOf(before, now, isNew),
  };
}

function gainedBy(changes: readonly SchemaChange[]): ReadonlyMap<StreamId, readonly string[]> {
  const gained = new Map<StreamId, string[]>();
  for (const { stream, column, change } of changes)
    if (column !== undefined && change === 'added')
      gained.set(stream, [...(gained.get(stream) ?? []), column]);
  return gained;
}

/** What was accepted stays so, also what is gone for now: when it comes back it is not new. */
function keptOf(before: Offer, now: Offer, isNew: (stream: StreamId) => boolean): Offer {
  const kept = new Map(before);
  for (const [id, fields] of now)
    if (!isNew(id) && (before.get(id) ?? null) === null) kept.set(id, fields);
  return kept;
}

function hashOf(changes: readonly SchemaChange[]): string {
  return createHash('sha256').update(JSON.stringify(changes)).digest('hex').slice(0, idLength);
}

function bounded(id: string, taken: boolean, all: readonly SchemaChange[]): SchemaChanges {
  const changes = all.slice(0, schemaChangesMax).map(({ stream, column, change, from, to }) => ({
    stream: shorten(stream, nameCharsMax) as StreamId,
    ...(column !== undefined && { column: shorten(column, nameCharsMax) }),
    change,
    ...(from !== undefined && { from: shorten(from, typeCharsMax) }),
    ...(to !== undefined && { to: shorten(to, typeCharsMax) }),
  }));
  return { id, taken, changes, count: all.length };
}

function paused(
  { connection }: ReviewInput,
  id: string,
  changes: readonly SchemaChange[],
): SyncError {
  const count = changes.length;
  return new SyncError('config_error', 'The source offers another schema than was accepted.', {
    origin: 'source',
    place: shorten(`${count} changes: ${changes.map(changeText).join(', ')}`, placeCharsMax),
    remedy: `Look at them with tidemark status ${connection}, then: tidemark schema accept ${connection}.`,
    facts: { changes: id, count },
  });
}
