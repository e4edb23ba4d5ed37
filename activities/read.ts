import { Context } from '@temporalio/activity';
import type { Pipe } from '../engine/pipe.ts';
import {
  asSyncError,
  fromFailure,
  SyncError,
  type Encoding,
  type End,
  type Item,
  type StreamId,
  type SyncFailure,
} from '../protocol/index.ts';
import type { ReadActivityInput, ReadActivityResult } from '../workflows/messages.ts';
import type { ActivityDeps } from './deps.ts';
import { applicationFailure, outgoing } from './failure.ts';
import { createHeart } from './heart.ts';
import type { Meeting, Pipes } from './pipes.ts';
import { refuseLargeState } from './state-room.ts';
import { createStop } from './stop.ts';

/** In a shutdown the writer beside us drains and ends the pipe; a source that were told first would look as if it had ended by itself. */
const writerFirstMs = 3_000;
/** A source that was told to stop may take this long to free what it holds. */
const leaveMsMax = 5_000;

interface House {
  readonly deps: ActivityDeps;
  readonly pipes: Pipes;
}

interface Counted {
  records: number;
  bytes: number;
  states: number;
}

/**
 * Reads for the writer that waits in this process, into its pipe. The pipe's last item tells how the source ended; that this activity then
 * fails too is for people to see.
 */
export async function read(
  { deps, pipes }: House,
  { lane, epoch }: ReadActivityInput,
): Promise<ReadActivityResult> {
  const context = Context.current();
  const { runId } = context.info.workflowExecution!;
  const meeting = pipes.take({ runId, lane, epoch });
  const { attempt } = context.info;
  if (meeting === null)
    throw applicationFailure(writerGone().toFailure(), { attempt, final: true });
  const counted: Counted = { records: 0, bytes: 0, states: 0 };
  const heart = createHeart(context, () => ({ ...counted }));
  const stop = createStop(context);
  stop.drains();
  // A drain that the source does not heed ends the pipe, and with it the writer.
  const giveUp = (): void => meeting.pipe.close();
  stop.abort.addEventListener('abort', giveUp, { once: true });
  const drain = new AbortController();
  let later: NodeJS.Timeout | undefined;
  stop.drain.addEventListener('abort', () => {
    const waitMs = stop.reason?.type === 'shutdown' ? writerFirstMs : 0;
    later = setTimeout(() => drain.abort(), waitMs);
  });
  heart.beat();
  try {
    const failure = await pump(meeting, drain.signal, counted);
    heart.beat();
    if (failure === null) return counted;
    const told = outgoing(fromFailure(failure), (text) => deps.connectors.redact(text));
    throw applicationFailure(told, { attempt, final: true });
  } finally {
    clearTimeout(later);
    stop.abort.removeEventListener('abort', giveUp);
    heart.stop();
    stop.dispose();
  }
}

/** Passes items on until the source's END or the end of the pipe. Answers the source's failure; null also when the writer was done first. */
async function pump(
  meeting: Meeting,
  drain: AbortSignal,
  counted: Counted,
): Promise<SyncFailure | null> {
  const { pipe, source, config, catalog, states, checkpoints, parallelism } = meeting;
  const abort = pipe.closed;
  let items: AsyncIterator<Item> | null = null;
  let end: End | null = null;
  try {
    const accepts = (stream: StreamId): readonly Encoding[] => meeting.accepts(stream);
    const lives = (): void => meeting.lives();
    const given = { config, catalog, state: states, checkpoints, parallelism };
    items = source.read({ ...given, accepts, lives, drain, abort })[Symbol.asyncIterator]();
    while (end === null) {
      const result = await nextOrClosed(items, pipe);
      if (result === null) return null;
      if (result.done === true) throw withoutEnd();
      const item = result.value;
      if (item.type === 'END') end = item;
      if (item.type === 'STATE') refuseLargeState(item);
      count(item, counted);
      await pipe.push(item);
    }
  } catch (error) {
    if (pipe.closed.aborted) return null;
    end = {
      type: 'END',
      failure: asSyncError(error, 'source').toFailure(),
      drained: false,
      statuses: {},
    };
    await pipe.push(end).catch(() => undefined); // closed meanwhile: then nobody asks how it ended
  } finally {
    await leave(items);
  }
  return end.failure;
}

/** null: the pipe was closed first. An item that comes later is released. */
async function nextOrClosed(
  items: AsyncIterator<Item>,
  pipe: Pipe,
): Promise<IteratorResult<Item> | null> {
  const next = items.next();
  let leaveClosed: (() => void) | undefined;
  const closed = new Promise<null>((resolve) => {
    leaveClosed = () => resolve(null);
    if (pipe.closed.aborted) resolve(null);
    else pipe.closed.addEventListener('abort', leaveClosed, { once: true });
  });
  try {
    const first = await Promise.race([next, closed]);
    if (first === null) next.then(release, () => undefined);
    return first;
  } finally {
    pipe.closed.removeEventListener('abort', leaveClosed!);
  }
}

function release(result: IteratorResult<Item>): void {
  if (result.done !== true && result.value.type === 'BLOCK') result.value.release();
}

function count(item: Item, counted: Counted): void {
  if (item.type === 'STATE') counted.states += 1;
  if (item.type !== 'BLOCK') return;
  counted.records += item.records;
  counted.bytes += item.bytes.byteLength;
}

/** Frees the source's resources; one that does not let go in time is left behind. */
async function leave(items: AsyncIterator<Item> | null): Promise<void> {
  const returned = items?.return?.();
  if (returned === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, leaveMsMax)));
  // What it throws on its way out cannot change how it ended.
  await Promise.race([returned.catch(() => undefined), late]);
  clearTimeout(timer);
}

function withoutEnd(): SyncError {
  return new SyncError('system_error', 'The source ended without saying how.', {
    origin: 'source',
    remedy: 'Report it to the connector.',
  });
}

function writerGone(): SyncError {
  return new SyncError('transient_error', 'The writer is gone.', {
    origin: 'tidemark',
    remedy: 'Nothing to do: its next attempt asks for a reader of its own.',
  });
}
