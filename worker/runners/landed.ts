import {
  globalScope,
  idsOf,
  kindOf,
  landsAs,
  replaces,
  scopeOf,
  streamId,
  SyncError,
  wireCatalog,
  type ConfiguredCatalog,
  type ConfiguredStream,
  type ConnectorSpecification,
  type JsonObject,
  type Scope,
  type State,
  type StreamDescriptor,
  type StreamId,
  type WriteInput,
} from '../../protocol/index.ts';
import type { Rewrite } from './record-lines.ts';

/** A catalog as a destination that is another program is told of it, and the way back from its words to ours. */
export interface Landed {
  readonly catalog: ConfiguredCatalog;
  /** The name that the destination knows the stream by. */
  descriptor(stream: StreamId): StreamDescriptor;
  /** What is changed in the stream's records; null: nothing, their bytes are the source's. */
  rewrite(stream: StreamId): Rewrite | null;
  /** Renames the stream's states too. */
  isRenamed(stream: StreamId): boolean;
  /** The scope of a state that the destination echoes; null: none of ours. */
  scopeOf(state: State): Scope | null;
  /** Streams whose new data takes the place of the old: they are checkpoints only as a whole. */
  readonly whole: ReadonlySet<StreamId>;
  /** True for a state (of the source's) that says how far such a stream was read. */
  holds(state: State): boolean;
}

/**
 * Refuses, as config_errors, what the destination cannot do or what nobody could tell whether it does.
 *
 * Streams that replace their data are told a generation of this attempt alone. Nobody knows whether such a program keeps what an attempt
 * before this one left of them: some empty the table as they start, others go on with a hidden one. So each attempt begins them from scratch,
 * under a generation of its own, as Airbyte does (decision 0009).
 */
export function landCatalog(
  { catalog, epoch, rowsMin }: Pick<WriteInput<JsonObject>, 'catalog' | 'epoch' | 'rowsMin'>,
  spec: ConnectorSpecification,
  label: string,
): Landed {
  const streams = new Map(
    catalog.streams.map((configured) => [streamId(configured.stream), configured]),
  );
  const renamed = new Map<StreamId, StreamDescriptor>();
  const back = new Map<StreamId, StreamId>();
  const told = catalog.streams.map((configured) => {
    const id = streamId(configured.stream);
    const descriptor = landsAs(configured);
    const other = back.get(streamId(descriptor));
    if (other !== undefined) throw sharedName(other, id, descriptor);
    back.set(streamId(descriptor), id);
    if (streamId(descriptor) !== id) renamed.set(id, descriptor);
    if (replaces(configured) && rowsMin > 0) throw unguarded(id, label);
    if (configured.landing?.cdc_deletes === 'soft') throw softDeletes(id, label);
    return toldStream(configured, descriptor, epoch.at, spec, label);
  });
  const whole = idsOf(catalog, replaces);
  const configuredOf = (stream: StreamId): ConfiguredStream => streams.get(stream)!;
  return {
    catalog: wireCatalog({ streams: told }),
    descriptor: (stream) => renamed.get(stream) ?? landsAs(configuredOf(stream)),
    rewrite(stream) {
      const only = configuredOf(stream).landing?.only;
      const to = renamed.get(stream);
      return only === undefined && to === undefined ? null : { to: to ?? null, only: only ?? null };
    },
    isRenamed: (stream) => renamed.has(stream),
    scopeOf(state) {
      if (kindOf(state) !== 'STREAM') return globalScope;
      return back.get(scopeOf(state) as StreamId) ?? null;
    },
    whole,
    holds: (state) => holds(state, whole),
  };
}

function holds(state: State, whole: ReadonlySet<StreamId>): boolean {
  switch (kindOf(state)) {
    case 'STREAM':
      return whole.has(scopeOf(state) as StreamId);
    case 'LEGACY':
      return whole.size > 0;
    case 'GLOBAL': {
      const listed = state.global?.stream_states;
      if (listed === undefined) return whole.size > 0;
      return listed.some(
        ({ stream_descriptor, stream_state = null }) =>
          stream_state !== null && whole.has(streamId(stream_descriptor)),
      );
    }
  }
}

function toldStream(
  configured: ConfiguredStream,
  descriptor: StreamDescriptor,
  generation: number,
  spec: ConnectorSpecification,
  label: string,
): ConfiguredStream {
  const isReplaced = replaces(configured);
  const asked = configured.destination_sync_mode;
  // A refresh that keeps nothing: to a destination that knows no generations only this word says so.
  const mode = isReplaced && asked === 'append' ? 'overwrite' : asked;
  const supported = spec.supported_destination_sync_modes ?? [];
  if (supported.length > 0 && !supported.includes(mode))
    throw unsupported(streamId(configured.stream), mode, supported, label);
  return {
    ...configured,
    stream: { ...configured.stream, ...descriptor },
    destination_sync_mode: mode,
    ...(isReplaced && { generation_id: generation, minimum_generation_id: generation }),
  };
}

function unsupported(
  stream: StreamId,
  mode: string,
  supported: readonly string[],
  label: string,
): SyncError {
  return new SyncError(
    'config_error',
    'The destination does not support a destination_sync_mode.',
    {
      origin: 'destination',
      stream,
      place: `${label}: stream ${stream}: ${mode}`,
      remedy: `Set destination_sync_mode of the stream to one of: ${supported.join(', ')}.`,
    },
  );
}

function softDeletes(stream: StreamId, label: string): SyncError {
  return new SyncError(
    'config_error',
    'A destination that is another program decides itself what a delete does.',
    {
      origin: 'destination',
      stream,
      place: `${label}: stream ${stream}: cdc_deletes`,
      remedy: "Remove cdc_deletes from the stream; see the destination's own config.",
    },
  );
}

function unguarded(stream: StreamId, label: string): SyncError {
  return new SyncError(
    'config_error',
    'rows_min cannot be kept by a destination that is another program.',
    {
      origin: 'destination',
      stream,
      place: `${label}: policy.rows_min`,
      remedy:
        'Remove rows_min from the policy, or use append: such a destination may remove the old rows before it has seen the new ones.',
    },
  );
}

function sharedName(one: StreamId, other: StreamId, to: StreamDescriptor): SyncError {
  return new SyncError('config_error', 'Two streams would be written to one table.', {
    origin: 'destination',
    stream: other,
    place: `${one} and ${other}: ${streamId(to)}`,
    remedy: `Keep them apart with \${SOURCE_NAMESPACE} in the connection's namespace, or select one of them.`,
  });
}
