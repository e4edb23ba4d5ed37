import {
  globalScope,
  streamId,
  SyncError,
  type Block,
  type End,
  type Item,
  type Scope,
  type State,
  type StateMessage,
  type StreamId,
} from '../../protocol/index.ts';
import { unreadableRecord } from '../../connectors/kit/targets.ts';
import { createIntake } from '../../engine/intake.ts';
import { finishedBy } from '../../engine/outcome.ts';
import type { Covered } from '../../engine/scopes.ts';
import { rewriteLines, type Rewrite } from './record-lines.ts';
import { stateLine } from './state-line.ts';
import { fail, type Writing } from './writing.ts';

/** States that a destination may owe us. While it owes so many, of each scope only the newest is sent, once there is room or the input ends. */
export const owedMax = 1_000;

/**
 * Feeds a destination what the source sends, to the source's end, a drain, or until it takes no more; then ends its input, so that it makes
 * durable what it has. Never rejects: what goes wrong is the failure of the writing.
 */
export async function feedItems(writing: Writing, items: AsyncIterable<Item>): Promise<void> {
  const { input, over, feed } = writing;
  const intake = createIntake(items, AbortSignal.any([input.drain, over.signal]), input.abort);
  const feeding: Feeding = { writing, withheld: new Map(), withStates: new Set() };
  try {
    await feedAll(feeding, () => intake.next(null));
  } catch (error) {
    fail(writing, error);
  }
  try {
    // Also after a failure of the source: what its states cover by now becomes durable.
    if (!isFenced(writing.failure)) await endInput(feeding);
  } catch (error) {
    fail(writing, error);
  }
  if (isFenced(writing.failure)) writing.session.stop(writing.failure!);
  feed.end();
  await intake.close();
}

interface Feeding {
  readonly writing: Writing;
  /** States that wait for room, the newest of each scope. */
  readonly withheld: Map<Scope, Covered>;
  /** Streams that sent states. */
  readonly withStates: Set<StreamId>;
}

const isFenced = (error: SyncError | null): boolean =>
  error !== null && (error.code === 'fenced' || error.code === 'aborted');

async function feedAll(
  feeding: Feeding,
  next: () => ReturnType<ReturnType<typeof createIntake>['next']>,
): Promise<void> {
  for (;;) {
    const event = await next();
    if (event.type === 'drain') return;
    if (event.type === 'closed') throw endless();
    if (event.type !== 'item') continue;
    const { item } = event;
    if (item.type === 'END') {
      feeding.writing.end = item;
      return;
    }
    if (item.type === 'BLOCK') await feedBlock(feeding.writing, item);
    else if (item.type === 'STATE') await feedState(feeding, item);
  }
}

async function feedBlock(writing: Writing, block: Block): Promise<void> {
  const { scopes, echoes, landed, feed } = writing;
  const { stream, records, bytes } = block;
  let told: Uint8Array;
  try {
    scopes.check(stream);
    const rewrite = landed.rewrite(stream);
    told = rewrite === null ? bytes : rewritten(block, rewrite);
  } catch (error) {
    block.release();
    throw error;
  }
  scopes.add(stream, { records, bytes: bytes.byteLength });
  echoes.records(stream, records);
  await feed.send(told, () => block.release());
}

function rewritten({ stream, bytes }: Block, rewrite: Rewrite): Buffer {
  try {
    return rewriteLines(bytes, rewrite);
  } catch (cause) {
    throw unreadableRecord(stream, cause);
  }
}

async function feedState(feeding: Feeding, message: StateMessage): Promise<void> {
  const { scopes } = feeding.writing;
  const scope = scopes.accept(message);
  if (scope === null) return;
  if (scope !== globalScope) feeding.withStates.add(scope);
  feeding.withheld.delete(scope);
  feeding.withheld.set(scope, scopes.cover(scope, message));
  // Invariant 7.
  const { echoes, made } = feeding.writing;
  if (echoes.pending + made.length < owedMax) await sendWithheld(feeding);
}

async function sendWithheld({ writing, withheld }: Feeding): Promise<void> {
  for (const [scope, covered] of withheld) {
    withheld.delete(scope);
    await sendState(writing, scope, covered.message!, covered);
  }
}

async function sendState(
  writing: Writing,
  scope: Scope,
  message: StateMessage,
  covered: Covered | null,
): Promise<void> {
  const { echoes, landed, feed } = writing;
  const { id, given } = echoes.send(scope, message.state, covered);
  const to = scope !== globalScope && landed.isRenamed(scope) ? landed.descriptor(scope) : null;
  await feed.send(stateLine(message, { id, given, to }));
}

async function endInput(feeding: Feeding): Promise<void> {
  const { writing } = feeding;
  const { end, input, feed, verdict } = writing;
  if (feed.isOver) return;
  // A destination that said it failed is given nothing more.
  if (verdict.told() !== null) return input.permit();
  await sendWithheld(feeding);
  if (end !== null) await sayComplete(feeding, end);
  await feed.given();
  // Its input's end has it make durable what it holds.
  await input.permit();
}

/**
 * What Airbyte's platform says at the end of a source that exited well: an empty state for each stream that is read in full and sent none, so
 * that the destination counts it; then, that the streams are complete: only then new data takes the place of the old.
 */
async function sayComplete({ writing, withStates }: Feeding, end: End): Promise<void> {
  const { landed, scopes, input, feed } = writing;
  const { kind } = scopes;
  const isFinished = finishedBy(end);
  const done = input.catalog.streams.filter(({ stream }) => isFinished(streamId(stream)));
  const told = done.map(({ stream, sync_mode }) => {
    const id = streamId(stream);
    const isStateless = sync_mode === 'full_refresh' && stream.is_resumable !== true;
    return { id, isStateless: isStateless && !withStates.has(id) };
  });
  if (kind === undefined || kind === 'STREAM')
    for (const { id, isStateless } of told)
      if (isStateless) await sendState(writing, id, emptyState(landed.descriptor(id)), null);
  for (const { id } of told) {
    const stream_status = { stream_descriptor: landed.descriptor(id), status: 'COMPLETE' };
    const trace = { type: 'STREAM_STATUS', emitted_at: Date.now(), stream_status };
    await feed.send(`${JSON.stringify({ type: 'TRACE', trace })}\n`);
  }
}

function emptyState(stream_descriptor: { name: string; namespace?: string | null }): StateMessage {
  const state: State = { type: 'STREAM', stream: { stream_descriptor, stream_state: {} } };
  return { type: 'STATE', state };
}

function endless(): SyncError {
  return new SyncError('system_error', 'The items ended without an END.', { origin: 'tidemark' });
}
