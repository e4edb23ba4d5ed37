import { parseOffer } from '../engine/offer.ts';
import { reviewSchema, type Review } from '../engine/review.ts';
import { SyncError, type Epoch } from '../protocol/index.ts';
import type { Attached } from '../workflows/messages.ts';
import type { Ends, OpenContext } from './open.ts';

/** Compares what the source offers with what the destination remembers of it, before anything is changed. */
export async function reviewOffer(
  { begun, abort }: OpenContext,
  { destination: { destination, config }, discovered }: Ends,
  attached: Attached,
  epoch: Epoch,
): Promise<Review> {
  const { spec, connectionId } = begun;
  const { schemaChanges: policy = 'propagate' } = spec.policy;
  const connection = { id: connectionId, name: spec.name };
  const before = await destination.offered?.({ config, connection, epoch, abort });
  if (before === undefined && policy !== 'propagate') throw forgetful();
  return reviewSchema({
    connection: spec.name,
    catalog: discovered,
    selections: spec.streams,
    policy,
    before: before === undefined || before === null ? null : parseOffer(before),
    accepted: attached.acceptedChanges ?? null,
  });
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
