import { parseOffer } from '../engine/offer.ts';
import { reviewSchema, type Review } from '../engine/review.ts';
import { unfilledAfter, unfilledColumns, unfilledOf, type Unfilled } from '../engine/unfilled.ts';
import { SyncError, type Epoch, type UnfilledColumns } from '../protocol/index.ts';
import type { Attached } from '../workflows/messages.ts';
import { catalogOf, type Ends, type OpenContext } from './open.ts';

export interface Reviewed extends Review {
  /** What the destination is to keep of it. */
  readonly unfilled: Unfilled;
  /** The same as it is told: while the sync runs, and once it has succeeded. */
  readonly told: { readonly now: UnfilledColumns | null; readonly after: UnfilledColumns | null };
}

/** Compares what the source offers with what the destination remembers of it, before anything is changed. */
export async function reviewOffer(
  context: OpenContext,
  ends: Ends,
  attached: Attached,
  epoch: Epoch,
): Promise<Reviewed> {
  const { begun, abort } = context;
  const { destination, config } = ends.destination;
  const { spec, connectionId } = begun;
  const { schemaChanges: policy = 'propagate' } = spec.policy;
  const connection = { id: connectionId, name: spec.name };
  const text = await destination.offered?.({ config, connection, epoch, abort });
  if (text === undefined && policy !== 'propagate') throw forgetful();
  const before = text === undefined || text === null ? null : parseOffer(text);
  const review = reviewSchema({
    connection: spec.name,
    catalog: ends.discovered,
    selections: spec.streams,
    policy,
    before: before?.offer ?? null,
    accepted: attached.acceptedChanges ?? null,
  });
  const unfilled = before?.unfilled ?? new Map();
  if (review.refusal !== null) return { ...review, unfilled, told: { now: null, after: null } };
  return withUnfilled(review, unfilled, { context, ends, attached });
}

function withUnfilled(
  review: Review,
  before: Unfilled,
  { context, ends, attached }: { context: OpenContext; ends: Ends; attached: Attached },
): Reviewed {
  const catalog = catalogOf(context, ends, attached, review);
  // A clear takes over nothing, so that the sync after it finds it again.
  const gained: Review['gained'] = attached.clearing.length > 0 ? new Map() : review.gained;
  const { syncNo } = context.begun;
  const unfilled = unfilledOf({
    before,
    gained,
    kept: review.kept,
    catalog,
    syncNo,
    held: attached,
  });
  const after = unfilledAfter(unfilled, attached);
  const told = {
    now: unfilledColumns(unfilled, catalog),
    after: unfilledColumns(after, catalog),
  };
  return { ...review, unfilled, told };
}

function forgetful(): SyncError {
  return new SyncError(
    'config_error',
    'This destination cannot remember what the source offered.',
    {
      origin: 'destination',
      place: 'policy.schema_changes',
      remedy: 'Set policy.schema_changes to propagate.',
    },
  );
}
