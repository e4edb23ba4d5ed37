import { configureCatalog } from '../engine/configure.ts';
import {
  currentState,
  globalScope,
  idsOf,
  includesStream,
  isReadInFull,
  kindOf,
  landsAs,
  newConnection,
  replaces,
  sourceCount,
  statesForSource,
  stateText,
  streamId,
  type Catalog,
  type Checkpoint,
  type ConfiguredStream,
  type ConnectionSpec,
  type ConnectionState,
  type Guarantee,
  type Lands,
  type Plan,
  type PlannedStream,
  type ResumePoint,
  type Scope,
  type State,
  type StreamId,
} from '../protocol/index.ts';
import type { ConfigRoads, Connectors } from './deps.ts';
import { limitedTo } from './refresh.ts';

const resumeTextMax = 200;
const chosenFieldsMax = 50;

/** What the next sync would do, by the code that will do it. `held` null: the connection is not stored. Opens no destination. */
export async function planSync(
  connectors: Connectors,
  spec: ConnectionSpec,
  held: ConnectionState | null,
  signal: AbortSignal,
  roads: ConfigRoads,
): Promise<Plan> {
  const log = { connection: spec.name, syncNo: 0 };
  // Of both ends first that their configs fit: a source may take minutes to tell its streams.
  const source = await connectors.openSource(spec.source, log, signal, roads.source);
  const { destination } = await connectors.openDestination(
    spec.destination,
    log,
    signal,
    roads.destination,
  );
  // What lies on this host costs little to look at, and a sync looks too: files that it could not read are told now.
  if (source.source.spec.host_bound === true) await source.source.check(source.config, signal);
  const offered = await source.source.discover(source.config, signal);
  const { supported_destination_sync_modes: modes } = destination.spec;
  const plan = planOf(spec, held, offered, destination.guarantee ?? null, modes);
  const { parallelism: asked } = spec.policy;
  const { readsAtOnce = null } = source.source;
  return asked === 1 ? plan : { ...plan, parallelism: { asked, readsAtOnce } };
}

export function planOf(
  spec: ConnectionSpec,
  held: ConnectionState | null,
  offered: Catalog,
  guarantee: Guarantee | null,
  destinationModes?: readonly string[],
): Plan {
  const state = currentState(held ?? newConnection('', spec));
  const syncNo = state.syncNo + 1;
  const configured = configureCatalog({
    catalog: offered,
    selections: spec.streams,
    ...(destinationModes !== undefined && { destinationModes }),
    naming: spec,
    syncNo,
    generations: state.generations,
    minimumGenerations: state.minimumGenerations,
    completed: new Set(),
  });
  const { streams } = limitedTo(state.clearing, configured);
  const selected = new Set(configured.streams.map(({ stream }) => streamId(stream)));
  const unselected = offered.streams.map(streamId).filter((id) => !selected.has(id));
  const given = givenTo(streams, state, syncNo);
  return {
    connection: spec.name,
    applied: held !== null,
    syncing: state.lease !== null,
    source: spec.source.connector,
    destination: spec.destination.connector,
    syncNo,
    guarantee,
    streams: streams.map((stream) => planned(stream, state, given)),
    streamCount: streams.length,
    unselected,
    unselectedCount: unselected.length,
  };
}

/** The checkpoints whose states the source will be given. */
function givenTo(
  streams: readonly ConfiguredStream[],
  { checkpoints }: ConnectionState,
  syncNo: number,
): ReadonlyMap<Scope, Checkpoint> {
  const all = Object.values(checkpoints);
  const fullRefresh = idsOf({ streams }, isReadInFull);
  const states = new Set(
    statesForSource({ checkpoints: all, syncNo, fullRefresh }).map(({ state }) => state),
  );
  const given = all.filter(({ state }) => state !== null && states.has(state));
  return new Map(given.map((checkpoint) => [checkpoint.scope, checkpoint]));
}

function planned(
  stream: ConfiguredStream,
  { clearing, checkpoints }: ConnectionState,
  given: ReadonlyMap<Scope, Checkpoint>,
): PlannedStream {
  const id = streamId(stream.stream);
  const last = (checkpoints[id] ?? checkpoints[globalScope])?.state ?? null;
  const properties = stream.stream.json_schema['properties'] ?? {};
  return {
    stream: id,
    syncMode: stream.sync_mode,
    destinationSyncMode: stream.destination_sync_mode,
    cursor: stream.cursor_field ?? [],
    primaryKey: stream.primary_key ?? [],
    columns: Object.keys(properties as object).length,
    chosen: chosenOf(stream),
    lands: landsOf(stream),
    generation: stream.generation_id,
    rows: includesStream(clearing, id) ? 'emptied' : rowsOf(stream),
    resume: resumeOf(id, stream, given),
    sourceCounts: last === null ? null : sourceCount(last) !== undefined,
  };
}

function chosenOf({ landing }: ConfiguredStream): PlannedStream['chosen'] & (object | null) {
  const only = landing?.only;
  if (only === undefined) return null;
  return { fields: only.slice(0, chosenFieldsMax), count: only.length };
}

function landsOf(stream: ConfiguredStream): Lands {
  const { namespace = null, name } = landsAs(stream);
  return { namespace, name };
}

function rowsOf(stream: ConfiguredStream): PlannedStream['rows'] {
  if (replaces(stream)) return 'replaced';
  return stream.destination_sync_mode === 'append_dedup' ? 'merged' : 'added to';
}

function resumeOf(
  id: StreamId,
  stream: ConfiguredStream,
  given: ReadonlyMap<Scope, Checkpoint>,
): ResumePoint | null {
  if (isReadInFull(stream)) return null;
  const found = given.get(id) ?? given.get(globalScope);
  if (found === undefined || found.state === null || !covers(found.state, id)) return null;
  return {
    scope: found.scope,
    state: ownText(found).slice(0, resumeTextMax),
    committedAt: found.committedAt,
    syncNo: found.epoch.syncNo,
  };
}

/** A GLOBAL state that lists its streams covers only those; the source reads others from their start. */
function covers(state: State, id: StreamId): boolean {
  if (kindOf(state) !== 'GLOBAL') return true;
  const listed = state.global?.stream_states;
  return listed === undefined || listed.some((one) => streamId(one.stream_descriptor) === id);
}

/** What of the state is not its envelope, where that can be told without changing a number. */
function ownText(checkpoint: Checkpoint): string {
  const { state, exact } = checkpoint;
  const own = state?.stream?.stream_state;
  return exact === undefined && own !== undefined ? JSON.stringify(own) : stateText(checkpoint);
}
