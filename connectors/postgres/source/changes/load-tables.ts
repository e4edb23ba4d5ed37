import { isObject, type Item, type JsonObject, type State } from '../../../../protocol/index.ts';
import type { Session } from '../../session.ts';
import { readTable } from '../read-table.ts';
import { wholeSelectionOf } from '../selection.ts';
import type { Snapshot as Seen } from '../transaction.ts';
import { changeFields } from './columns.ts';
import { stateNow, type ReadStream, type Run } from './run.ts';
import { seenOf, type StreamPart } from './state.ts';

/** The rows of tables that were not read yet. False: it was drained. */
export async function* loadTables(run: Run): AsyncGenerator<Item, boolean, undefined> {
  for (const stream of run.streams) {
    if (stream.progress?.type === 'there') continue;
    if (run.input.drain.aborted || !(yield* loadTable(run, stream))) return false;
  }
  run.awaited = run.session;
  await run.helpers.close();
  return true;
}

async function* loadTable(run: Run, stream: ReadStream): AsyncGenerator<Item, boolean, undefined> {
  const { input, session, helpers, lsn, emittedAt } = run;
  const { id, descriptor, relation, configured, progress } = stream;
  let part: StreamPart = progress?.part ?? { seen: null };
  const began = (seen: Seen): void => {
    // That of the first attempt: what later ones saw was partly read before, and its rows may be gone by then.
    part = part.seen === null ? { seen: seenBy(seen) } : part;
  };
  const more = changeFields({ lsn, at: emittedAt });
  const selection = wholeSelectionOf(relation, configured, more);
  const awaits = (one: Session): void => void (run.awaited = one);
  awaits(session);
  const sessions = { session, helpers, awaits };
  const read = { ...sessions, selection, input, id, stream: descriptor, lookBack: null, began };
  for await (const item of readTable(read, stateOf(stream))) {
    run.signs.came();
    if (item.type === 'DRAINED') return false;
    if (item.type === 'BLOCK') run.records += item.records;
    if (item.type === 'STATE') {
      const load = loadOf(item.state);
      const isLoading = load !== null && load['done'] !== true;
      stream.progress = isLoading ? { type: 'loading', load, part } : { type: 'there', part };
      yield stateNow(run);
    } else yield item;
  }
  // What is read in one statement says nothing by itself.
  if (stream.progress?.type !== 'there') {
    stream.progress = { type: 'there', part };
    yield stateNow(run);
  }
  return true;
}

function seenBy({ text, until }: Seen): StreamPart['seen'] {
  const seen = seenOf(text, until);
  if (seen === null) throw new Error(`Postgres named a snapshot ${text} and a place ${until}.`);
  return seen;
}

function stateOf({ descriptor, progress }: ReadStream): State | undefined {
  if (progress?.type !== 'loading') return undefined;
  const stream_state = { version: 1, load: progress.load };
  return { type: 'STREAM', stream: { stream_descriptor: descriptor, stream_state } };
}

function loadOf({ stream }: State): JsonObject | null {
  const state = stream?.stream_state;
  const load = isObject(state) ? state['load'] : null;
  return isObject(load) ? load : null;
}
