import {
  asSyncError,
  streamId,
  type Item,
  type ReadInput,
  type StreamId,
  type StreamStatus,
} from '../../../../protocol/index.ts';
import { refusalsOf } from '../../../kit/refuse-config.ts';
import { descriptorOf, statusOf } from '../../../kit/read-streams.ts';
import { asPostgresError } from '../../errors.ts';
import type { Session } from '../../session.ts';
import { byStream, findRelations } from '../catalog.ts';
import { defaultPublication, type ChangesConfig, type PostgresSourceConfig } from '../config.ts';
import { gone } from '../gone.ts';
import { createHelpers } from '../helpers.ts';
import { connectReader } from '../reader-session.ts';
import { watchServer } from '../signs-of-life.ts';
import { followChanges } from './follow-changes.ts';
import { parseChangesState, type ChangesState } from './global.ts';
import { loadTables } from './load-tables.ts';
import type { Lsn } from './lsn.ts';
import { publishedOf, refuseUnpublished } from './publication.ts';
import type { ReadStream, Run } from './run.ts';
import { createSlot, findSlot } from './slot.ts';
import type { SharedState } from './state.ts';

type Input = ReadInput<PostgresSourceConfig>;

/** Reads tables, then their changes, with a state of all streams together, behind which the slot follows. */
export async function* readChanges(
  input: Input,
  changes: ChangesConfig,
): AsyncGenerator<Item, void, undefined> {
  const statuses: Record<StreamId, StreamStatus> = {};
  const tell = (status: StreamStatus): readonly Item[] =>
    input.catalog.streams.map((configured) => {
      statuses[streamId(configured.stream)] = status;
      return statusOf(configured, status);
    });
  let session: Session | null = null;
  let run: Run | null = null;
  const helpers = createHelpers(input.config, input.abort);
  const stop = (): void => {
    session?.destroy();
    helpers.destroy();
  };
  input.abort.addEventListener('abort', stop, { once: true });
  // A slot is not made before transactions that run are over, and a commit may be long on its way to here: the server works meanwhile.
  const signs = watchServer(
    input.config,
    () => [(run?.awaited ?? session)?.processId ?? null, run?.reader?.processId ?? null],
    () => input.lives?.(),
  );
  try {
    yield* tell('STARTED');
    session = await connectReader(input.config, input.abort);
    run = await begin(input, changes, { session, helpers, signs });
    yield* tell('RUNNING');
    const isOver = (yield* loadTables(run)) && (yield* followChanges(run));
    if (isOver) yield* tell('COMPLETE');
    yield { type: 'END', failure: null, drained: !isOver, statuses };
  } catch (error) {
    const mapped = asPostgresError(error, input.abort, session?.place ?? 'Postgres', 'source');
    yield* tell('INCOMPLETE');
    const failure = asSyncError(mapped, 'source').toFailure();
    yield { type: 'END', failure, drained: false, statuses };
  } finally {
    signs.stop();
    input.abort.removeEventListener('abort', stop);
    await Promise.all([session?.close(), helpers.close()]);
  }
}

async function begin(
  input: Input,
  changes: ChangesConfig,
  own: Pick<Run, 'session' | 'helpers' | 'signs'>,
): Promise<Run> {
  const { slot, publication = defaultPublication } = changes;
  const state = parseChangesState(input.state);
  const streams = await streamsOf(input, own.session, publication, state);
  const lsn = await startOf(own.session, slot, state.shared);
  return {
    ...{ input, ...own, streams, lsn, changes: { ...changes, publication } },
    ...{ awaited: own.session, reader: null, emittedAt: Date.now(), records: 0 },
  };
}

async function streamsOf(
  { config, catalog }: Input,
  session: Session,
  publication: string,
  state: ChangesState,
): Promise<readonly ReadStream[]> {
  const relations = byStream(await findRelations(session, config));
  const streams = catalog.streams.map((configured): ReadStream => {
    const { stream } = configured;
    const id = streamId(stream);
    const relation = relations.get(id);
    if (relation === undefined) throw gone(id);
    if (configured.sync_mode !== 'incremental') throw inFull(id);
    const progress = state.streams.get(id) ?? null;
    return { id, descriptor: descriptorOf(stream), configured, relation, progress };
  });
  const wanted = streams.map(({ relation }) => relation);
  refuseUnpublished(wanted, await publishedOf(session, publication, wanted), publication);
  return streams;
}

/** Where the log is read from. The slot comes before all reading of tables: so nothing lies between them and the log. */
async function startOf(session: Session, slot: string, shared: SharedState | null): Promise<Lsn> {
  if (shared !== null && shared.slot !== slot)
    throw refusalsOf('source')(
      'The state is of another replication slot.',
      `cdc.slot: ${slot}; the state: ${shared.slot}`,
      'Name that slot again, or read the streams from their start: tidemark refresh <connection>.',
    );
  const found = await findSlot(session, slot, shared?.lsn ?? null);
  // One that an attempt made which left nothing else: what it keeps begins early enough for tables that are read from now on.
  return shared?.lsn ?? found?.confirmed ?? createSlot(session, slot);
}

function inFull(id: StreamId): Error {
  return refusalsOf('source')(
    'Where changes are read, no stream is read in full.',
    `stream ${id}: sync_mode full_refresh`,
    'Set sync_mode: incremental, or read it by a connection without cdc.',
    id,
  );
}
