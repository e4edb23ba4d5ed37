import { createMeter } from '../engine/meter.ts';
import { createPipe } from '../engine/pipe.ts';
import {
  asSyncError,
  idsOf,
  isReadInFull,
  limitsOf,
  statesForSource,
  streamSummaries,
  SyncError,
  type Echo,
  type StreamId,
  type WriteOutcome,
} from '../protocol/index.ts';
import {
  readySignal,
  type Attached,
  type Ready,
  type WriteActivityInput,
} from '../workflows/messages.ts';
import { Attempt, lastCommitOf } from './attempt.ts';
import { createCommitter } from './committer.ts';
import { configRoad } from './config-road.ts';
import { connectionClient, unlessAborted } from './connection-client.ts';
import type { ActivityDeps } from './deps.ts';
import { endOf } from './ending.ts';
import { createFlow } from './flow.ts';
import { createForwarder } from './forwarder.ts';
import { gateOf, permitOf, watch } from './guard.ts';
import { jsonBytesOf } from './heart.ts';
import { createStateRoom } from './state-room.ts';
import {
  encodingsOf,
  openEnds,
  openWriter,
  type Ends,
  type Finished,
  type OpenedWriter,
} from './open.ts';
import { outcomeOf } from './meters.ts';
import type { Pipes } from './pipes.ts';
import { logRefusal } from './refusal.ts';
import { sourceFor } from './refresh.ts';
import { compareWithHeld, resumedFrom } from './resume.ts';
import { reviewOffer } from './review.ts';
import { createRoadBack, type RoadBack } from './road-back.ts';
import { tellSync } from './tell-sync.ts';
import { blocked } from './watchdog.ts';

/** What the pipe holds at most, beside one item. */
const pipeBytesMax = 32 * 1024 * 1024;
const attachPatience = { callMs: 10_000, totalMs: 120_000 };
const commitPatience = { callMs: 5_000, totalMs: 5_000 };
/** A writer whose reader does not come gives up: the reader's own time to start is 30 s. */
const readerMsMax = 40_000;
/** After the source's end Temporal has this long to take the last checkpoints. */
const lastCommitMsMax = 60_000;
const closeMsMax = 10_000;
const lookEveryMs = 1_000;

interface House {
  readonly deps: ActivityDeps;
  readonly pipes: Pipes;
}

/**
 * One attempt to write a connection's records from its last checkpoint on. It leads: it asks for its reader, and only its result decides
 * how the sync goes on.
 */
export async function write(
  { deps, pipes }: House,
  input: WriteActivityInput,
): Promise<WriteOutcome> {
  const attempt = new Attempt(deps, input);
  let answer: WriteOutcome | null = null;
  try {
    answer = await runOrEnd(attempt, pipes);
    return answer;
  } finally {
    attempt.meters.ended(outcomeOf(attempt.stop, answer));
    attempt.dispose();
  }
}

async function runOrEnd(attempt: Attempt, pipes: Pipes): Promise<WriteOutcome> {
  try {
    return await run(attempt, pipes);
  } catch (error) {
    return await endOf(attempt, error);
  }
}

async function run(attempt: Attempt, pipes: Pipes): Promise<WriteOutcome> {
  const { stop, deps, begun } = attempt;
  const attached = await attach(attempt);
  attempt.start(attached);
  const context = {
    connectors: deps.connectors,
    begun,
    road: configRoad(deps.client, { id: begun.connectionId, name: begun.spec.name }, attempt.epoch),
    permit: () => unlessAborted(permitOf(attempt).renewed(), stop.abort),
    drain: stop.drain,
    abort: stop.abort,
  };
  const ends = await unlessAborted(openEnds(context), stop.abort);
  for (const { notice } of [ends.source, ends.destination]) tellOf(attempt, notice ?? null);
  const review = await unlessAborted(
    reviewOffer(context, ends, attached, attempt.epoch),
    stop.abort,
  );
  attempt.schema = review.changes;
  attempt.unfilled = review.told;
  if (review.refusal !== null) {
    // The failure is too small for them, so the workflow hears of the changes before it.
    await tellSync(attempt).catch(() => undefined);
    throw review.refusal;
  }
  const opened = await openUnlessStopped(
    attempt,
    openWriter(context, ends, attached, attempt.epoch, review),
  );
  if (opened.writer === null) return finishedBefore(attempt, opened, ends);
  try {
    return await copy(attempt, pipes, ends, opened);
  } finally {
    await close(attempt, opened);
  }
}

/** A destination that is opened after the attempt was stopped is closed again; one that does not open in its time stops it. */
async function openUnlessStopped(
  attempt: Attempt,
  opening: Promise<OpenedWriter | Finished>,
): Promise<OpenedWriter | Finished> {
  const { stop, begun } = attempt;
  const msMax = limitsOf(begun.spec.policy).destinationBlockedMsMax;
  const late = setTimeout(() => stop.ask({ type: 'failed', error: blocked(msMax) }), msMax);
  try {
    return await unlessAborted(opening, stop.abort);
  } catch (error) {
    void opening.then(
      (late) => (late.writer === null ? undefined : close(attempt, late)),
      () => undefined, // it was not opened: nothing to close
    );
    throw error;
  } finally {
    clearTimeout(late);
  }
}

async function attach(attempt: Attempt): Promise<Attached> {
  const { deps, begun, lane, epoch, hint, stop } = attempt;
  attempt.attachedAt = performance.now();
  const connection = connectionClient(deps.client, begun.spec.name);
  const { hostQueue, label } = deps;
  return connection.attach(
    { lane, epoch, hostQueue, label, hint },
    { ...attachPatience, signal: stop.abort },
  );
}

/** Reads and writes until the source's end, or until something stops it at a checkpoint. */
async function copy(
  attempt: Attempt,
  pipes: Pipes,
  ends: Ends,
  { writer, catalog, start }: OpenedWriter,
): Promise<WriteOutcome> {
  const { stop, begun, attached } = attempt;
  prepare(
    attempt,
    { start, catalog },
    writer.held !== null ? compareWithHeld(attached!.checkpoints, writer.held) : null,
  );
  const meter = attempt.meter!;
  const flow = createFlow(catalog, writer.whole);
  const road = createRoadBack();
  const pipe = createPipe({ bytesMax: pipeBytesMax });
  const unregister = pipes.register(
    {
      runId: attempt.context.info.workflowExecution!.runId,
      lane: attempt.lane,
      epoch: attempt.epoch,
    },
    {
      pipe,
      ...sourceFor(attached!.clearing, ends.source),
      catalog,
      states: statesForSource({
        checkpoints: start,
        syncNo: begun.syncNo,
        fullRefresh: idsOf(catalog, isReadInFull),
      }),
      checkpoints: road.states,
      parallelism: begun.spec.policy.parallelism,
      accepts: (stream) => encodingsOf(ends.destination, stream),
      lives: () => flow.lives(),
    },
    () => {
      clearTimeout(noReader);
      attempt.enter('syncing');
      // The workflow still shows when this attempt was to begin.
      if (attempt.hint?.progress.next !== undefined) attempt.forwarder!.touch();
    },
  );
  attempt.enter('waiting for the reader');
  const noReader = setTimeout(() => pipe.close(readerMissing()), readerMsMax);
  stop.drains();
  const look = setInterval(() => watch(attempt, flow, writer), lookEveryMs);
  try {
    await askForReader(attempt);
    const gate = gateOf(attempt, flow, writer.held === null);
    const items = flow.tap(meter.tap(pipe.items()), gate);
    await Promise.race([consume(attempt, writer.write(items), road), stop.abandoned]);
    return await outcome(attempt, ends.schemaHash);
  } finally {
    clearInterval(look);
    clearTimeout(noReader);
    unregister();
    road.close();
    // A closed pipe ends its reader at once, whatever ended the writer.
    pipe.close();
  }
}

function prepare(
  attempt: Attempt,
  { start, catalog }: Pick<OpenedWriter, 'start' | 'catalog'>,
  notice: string | null,
): void {
  const { deps, begun, lane, epoch, stop } = attempt;
  attempt.freshen();
  attempt.meter = createMeter({
    ...{ start, catalog, syncNo: begun.syncNo },
    done: doneBefore(attempt),
    losses: attempt.losses,
  });
  attempt.resumed = resumedFrom(start);
  attempt.lastCheckpointAt = lastCommitOf(start, begun.syncNo);
  attempt.room = createStateRoom(attempt.book.all, attempt.book.bytes);
  const connection = connectionClient(deps.client, begun.spec.name);
  attempt.committer = createCommitter({
    attachedAt: attempt.attachedAt,
    send: (checkpoints) => connection.commit({ lane, epoch, checkpoints }, commitPatience),
    // Invariant 3: a stale epoch ends the writer.
    onRefused(error) {
      logRefusal(attempt, error);
      stop.ask({ type: 'failed', error });
    },
  });
  attempt.forwarder = createForwarder((checkpoints) => tellSync(attempt, checkpoints));
  tellOf(attempt, notice);
}

function tellOf(attempt: Attempt, notice: string | null): void {
  if (notice === null) return;
  attempt.context.log.warn(notice);
  attempt.notice(notice);
}

/** A retry reads what is left, and may fail before it comes to what an earlier attempt has done already. */
function doneBefore({ hint, begun }: Attempt): readonly StreamId[] {
  if (hint === null || hint.progress.epoch.syncNo !== begun.syncNo) return [];
  return hint.progress.streams.flatMap((one) => (one.status === 'COMPLETE' ? [one.stream] : []));
}

async function askForReader({ deps, lane, epoch, context, stop }: Attempt): Promise<void> {
  const { workflowId, runId } = context.info.workflowExecution!;
  const sync = deps.client.workflow.getHandle(workflowId, runId);
  const ready: Ready = { lane, epoch, hostQueue: deps.hostQueue, attempt: context.info.attempt };
  const sent = deps.client.withDeadline(Date.now() + readerMsMax, () =>
    sync.signal(readySignal, ready),
  );
  await unlessAborted(sent, stop.drain);
}

async function consume(
  attempt: Attempt,
  echoes: AsyncIterable<Echo>,
  road: RoadBack,
): Promise<void> {
  for await (const echo of echoes) await note(attempt, echo, road);
}

/** Every echo: counted, into the heartbeat at once, on its way to Temporal and back to the source. */
async function note(attempt: Attempt, echo: Echo, road: RoadBack): Promise<void> {
  const { meter, committer, forwarder, book, heart, room } = attempt;
  const { checkpoint, state, commitMs, cadence } = echo;
  const before = meter!.committed;
  meter!.echo(echo);
  const after = meter!.committed;
  const gained = { records: after.records - before.records, bytes: after.bytes - before.bytes };
  attempt.meters.checkpoint(gained, commitMs);
  attempt.echoes += 1;
  attempt.cadence = cadence ?? attempt.cadence;
  attempt.lastCheckpointAt = checkpoint.committedAt;
  attempt.freshen();
  attempt.failure = null;
  const size = jsonBytesOf(checkpoint);
  // Invariant 7: what cannot travel ends the sync here, before it stops the connection's workflow.
  room!.add(checkpoint, size);
  // And what nobody has acknowledged must fit into a heartbeat.
  if (committer!.isFullFor(checkpoint, size)) await committer!.flush(lastCommitMsMax);
  book.add(checkpoint, size);
  committer!.offer(checkpoint, size);
  heart.soon(committer!.unacknowledgedBytes);
  forwarder!.offer(checkpoint);
  if (state !== null) road.push(state);
}

/** What a writer that ended without a failure amounts to. */
async function outcome(attempt: Attempt, schemaHash: string): Promise<WriteOutcome> {
  const { stop, committer } = attempt;
  const { reason } = stop;
  // Everything but a segment's end is told by endOf.
  if (reason !== null && reason.type !== 'segment') throw stopped();
  await committer!.flush(lastCommitMsMax);
  if (reason !== null) {
    await attempt.forwarder!.finish();
    return { type: 'more' };
  }
  attempt.meter!.prove();
  attempt.phase = 'ended';
  attempt.heart.beat();
  attempt.forwarder!.touch();
  await attempt.forwarder!.finish();
  return done(attempt, schemaHash);
}

function done({ meter, cost, schema, unfilled: told }: Attempt, schemaHash: string): WriteOutcome {
  const streams = streamSummaries(meter!.streams());
  const unfilled = told?.after ?? null;
  const summary = {
    ...meter!.committed,
    ...{ streams, streamCount: meter!.streamCount },
    ...(meter!.rejected > 0 && { rejected: meter!.rejected }),
    ...(cost !== null && { cost }),
    ...(schema !== null && { schema }),
    ...(unfilled !== null && { unfilled }),
  };
  return { type: 'done', summary, schemaHash };
}

/** An earlier attempt finished every stream, and its answer was lost. */
function finishedBefore(attempt: Attempt, { start }: Finished, { schemaHash }: Ends): WriteOutcome {
  const { syncNo } = attempt.begun;
  const { losses } = attempt;
  attempt.meter = createMeter({ start, syncNo, catalog: { streams: [] }, losses });
  return done(attempt, schemaHash);
}

async function close({ context, deps }: Attempt, { writer }: OpenedWriter): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, closeMsMax)));
  try {
    await Promise.race([writer.close(), late]);
  } catch (error) {
    // The attempt's own end says more than this.
    const { message } = asSyncError(error, 'destination');
    context.log.warn('The destination did not close well.', {
      failure: deps.connectors.redact(message),
    });
  } finally {
    clearTimeout(timer);
  }
}

function stopped(): SyncError {
  return new SyncError('transient_error', 'The write was stopped.', {
    origin: 'tidemark',
    code: 'aborted',
  });
}

function readerMissing(): SyncError {
  return new SyncError('transient_error', 'The reader did not come.', {
    origin: 'tidemark',
    remedy: 'It is tried again. If it repeats, the worker has too few read slots.',
  });
}
