import { catalogHash, configureCatalog } from '../engine/configure.ts';
import { offerText } from '../engine/offer.ts';
import type { Review } from '../engine/review.ts';
import {
  cadenceBounds,
  SyncError,
  type Catalog,
  type Checkpoint,
  type ConfiguredCatalog,
  type Encoding,
  type Epoch,
  type Begun,
  type StreamId,
  type Writer,
} from '../protocol/index.ts';
import type { Attached } from '../workflows/messages.ts';
import type { Connectors, OpenedDestination, OpenedSource } from './deps.ts';
import { completedStreams, sameStreams } from './resume.ts';

/** Discover may install a connector and read a large schema. */
const discoverMsMax = 30 * 60_000;

export interface Ends {
  readonly source: OpenedSource;
  readonly destination: OpenedDestination;
  readonly discovered: Catalog;
  readonly schemaHash: string;
}

export interface OpenContext {
  readonly connectors: Connectors;
  readonly begun: Begun;
  readonly drain: AbortSignal;
  readonly abort: AbortSignal;
}

/** Resolves both connectors and asks the source what it offers. */
export async function openEnds({ connectors, begun, abort }: OpenContext): Promise<Ends> {
  const { spec, syncNo } = begun;
  const log = { connection: spec.name, syncNo };
  const source = await connectors.openSource(spec.source, log, abort);
  const destination = await connectors.openDestination(spec.destination, log, abort);
  const signal = AbortSignal.any([abort, AbortSignal.timeout(discoverMsMax)]);
  const discovered = await source.source.discover(source.config, signal);
  return { source, destination, discovered, schemaHash: catalogHash(discovered) };
}

export interface OpenedWriter {
  readonly writer: Writer;
  readonly catalog: ConfiguredCatalog;
  /** Where this attempt starts. */
  readonly start: readonly Checkpoint[];
}

/**
 * Opens the destination. Which streams this sync has finished is for the destination's own table to say, and is known only once it is open:
 * if it says otherwise than Temporal, it is opened again with the right catalog. null: every stream is finished.
 */
export async function openWriter(
  context: OpenContext,
  ends: Ends,
  attached: Attached,
  epoch: Epoch,
  review: Review,
): Promise<OpenedWriter | null> {
  const { begun, drain, abort } = context;
  const { destination, config } = ends.destination;
  const { spec, connectionId, syncNo } = begun;
  const catalogWithout = (completed: ReadonlySet<StreamId>): ConfiguredCatalog =>
    configureCatalog({
      catalog: review.catalog,
      frozen: review.frozen,
      selections: spec.streams,
      naming: spec,
      syncNo,
      generations: attached.generations,
      completed,
    });
  const offer = offerText(review.kept);
  const none: ReadonlySet<StreamId> = new Set();
  if (catalogWithout(none).streams.length === 0) throw noStreams();
  const open = (catalog: ConfiguredCatalog): Promise<Writer> =>
    destination.open({
      config,
      connection: { id: connectionId, name: spec.name },
      catalog,
      offer,
      epoch,
      from: attached.checkpoints,
      adopt: attached.adopt,
      cadence: cadenceBounds(spec.policy),
      drain,
      abort,
    });

  const told = completedStreams(attached.checkpoints, syncNo);
  // With everything finished the destination is still asked, with the whole catalog, whether it agrees.
  const first = catalogWithout(told).streams.length === 0 ? none : told;
  let catalog = catalogWithout(first);
  let writer = await open(catalog);
  const start = writer.held ?? attached.checkpoints;
  const completed = completedStreams(start, syncNo);
  if (sameStreams(completed, first)) return { writer, catalog, start };
  await writer.close();
  catalog = catalogWithout(completed);
  if (catalog.streams.length === 0) return null;
  writer = await open(catalog);
  return { writer, catalog, start: writer.held ?? attached.checkpoints };
}

function noStreams(): SyncError {
  return new SyncError('config_error', 'There is no stream to sync.', {
    origin: 'source',
    remedy: 'Select streams that the source offers: tidemark discover <connection>.',
  });
}

/** Encodings a destination takes, best first. Destinations made of a loader may say more than `jsonl`. */
export function encodingsOf(
  { destination }: OpenedDestination,
  stream: StreamId,
): readonly Encoding[] {
  const { accepts } = destination as { accepts?: (stream: StreamId) => readonly Encoding[] };
  return [...(accepts?.call(destination, stream) ?? []), 'jsonl'];
}
