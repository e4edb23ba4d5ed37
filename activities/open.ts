import { catalogHash, configureCatalog } from '../engine/configure.ts';
import { offerText } from '../engine/offer.ts';
import type { Review } from '../engine/review.ts';
import {
  cadenceBounds,
  completedStreams,
  streamId,
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
import type { ConfigRoad, Connectors, OpenedDestination, OpenedSource } from './deps.ts';
import { limitedTo, refuseForgotten } from './refresh.ts';
import { sameStreams } from './resume.ts';
import type { Reviewed } from './review.ts';

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
  readonly road: ConfigRoad;
  /** See WriteInput. */
  readonly permit: () => Promise<void>;
  readonly drain: AbortSignal;
  readonly abort: AbortSignal;
}

/** Resolves both connectors and asks the source what it offers. */
export async function openEnds({ connectors, begun, road, abort }: OpenContext): Promise<Ends> {
  const { spec, syncNo } = begun;
  const log = { connection: spec.name, syncNo };
  const source = await connectors.openSource(spec.source, log, abort, road);
  const destination = await connectors.openDestination(spec.destination, log, abort, road);
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

/** Nothing is left to be copied. */
export interface Finished {
  readonly writer: null;
  /** What the sync has come to, where the destination knows it. */
  readonly start: readonly Checkpoint[];
}

/** What this sync copies, but for the streams that it has finished; also what a sync that clears leaves alone. */
export function catalogOf(
  { begun: { spec, syncNo } }: OpenContext,
  { destination: { destination } }: Ends,
  attached: Attached,
  review: Review,
  completed: ReadonlySet<StreamId> = new Set(),
): ConfiguredCatalog {
  const { supported_destination_sync_modes: destinationModes } = destination.spec;
  return configureCatalog({
    catalog: review.catalog,
    frozen: review.frozen,
    selections: spec.streams,
    naming: spec,
    ...(destinationModes !== undefined && { destinationModes }),
    syncNo,
    generations: attached.generations,
    minimumGenerations: attached.minimumGenerations,
    completed,
  });
}

/**
 * Opens the destination. Which streams this sync has finished is for the destination's own table to say, and is known only once it is open:
 * if it says otherwise than Temporal, it is opened again with the right catalog.
 */
export async function openWriter(
  context: OpenContext,
  ends: Ends,
  attached: Attached,
  epoch: Epoch,
  review: Reviewed,
): Promise<OpenedWriter | Finished> {
  const { begun, permit, drain, abort } = context;
  const { destination } = ends.destination;
  const { spec, connectionId, syncNo } = begun;
  const catalogWithout = (completed: ReadonlySet<StreamId>): ConfiguredCatalog =>
    limitedTo(attached.clearing, catalogOf(context, ends, attached, review, completed));
  const none: ReadonlySet<StreamId> = new Set();
  const whole = catalogWithout(none);
  const isClear = attached.clearing.length > 0;
  // What is to be emptied may not be selected any more: then there is nothing to do.
  if (whole.streams.length === 0 && isClear) return { writer: null, start: attached.checkpoints };
  if (whole.streams.length === 0) throw noStreams();
  // A clear makes only the tables of its own streams: what the source offers beside them is for the next sync to take over.
  const offer = isClear ? {} : { offer: offerText(review.kept, review.unfilled) };
  const incremental = new Set(
    whole.streams.flatMap((s) => (s.sync_mode === 'incremental' ? [streamId(s.stream)] : [])),
  );
  const open = (catalog: ConfiguredCatalog): Promise<Writer> =>
    destination.open({
      config: ends.destination.config,
      connection: { id: connectionId, name: spec.name },
      catalog,
      ...offer,
      epoch,
      from: attached.checkpoints,
      adopt: attached.adopt,
      cadence: cadenceBounds(spec.policy, destination.cadence),
      rowsMin: isClear ? 0 : spec.policy.rowsMin,
      permit,
      drain,
      abort,
    });

  const told = completedStreams(attached.checkpoints, syncNo, incremental);
  // With everything finished the destination is still asked, with the whole catalog, whether it agrees.
  const first = catalogWithout(told).streams.length === 0 ? none : told;
  let catalog = catalogWithout(first);
  let writer = await open(catalog);
  const start = writer.held ?? attached.checkpoints;
  const forgotten = refuseForgotten(start, attached, spec.name);
  if (forgotten !== null) {
    await writer.close();
    throw forgotten;
  }
  const completed = completedStreams(start, syncNo, incremental);
  if (sameStreams(completed, first)) return { writer, catalog, start };
  await writer.close();
  catalog = catalogWithout(completed);
  if (catalog.streams.length === 0) return { writer: null, start };
  writer = await open(catalog);
  return { writer, catalog, start: writer.held ?? attached.checkpoints };
}

function noStreams(): SyncError {
  return new SyncError('config_error', 'There is no stream to sync.', {
    origin: 'source',
    remedy: 'Select streams that the source offers: tidemark discover <connection>.',
  });
}

/** Encodings a destination takes, best first. */
export function encodingsOf(
  { destination }: OpenedDestination,
  stream: StreamId,
): readonly Encoding[] {
  return [...(destination.accepts?.(stream) ?? []), 'jsonl'];
}
