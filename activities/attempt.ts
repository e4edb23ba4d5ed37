import { Context } from '@temporalio/activity';
import type { Limit, Meter } from '../engine/meter.ts';
import type {
  Begun,
  CadenceFacts,
  Checkpoint,
  Counts,
  Epoch,
  LossesByScope,
  NextAttempt,
  Progress,
  RateLimit,
  SchemaChanges,
  SyncCost,
  SyncFailure,
  WatchedLimit,
} from '../protocol/index.ts';
import { costOf, isObject, lossesOf } from '../protocol/index.ts';
import type { Attached, WriteActivityInput } from '../workflows/messages.ts';
import type { Committer } from './committer.ts';
import type { ActivityDeps } from './deps.ts';
import type { Forwarder } from './forwarder.ts';
import { createBook, createHeart, type Book, type Heart, type WriteDetails } from './heart.ts';
import type { AttemptMeters, Observed } from './meters.ts';
import type { Reviewed } from './review.ts';
import type { StateRoom } from './state-room.ts';
import { createStop, type Stop } from './stop.ts';

const noticesMax = 10;
const nothing: Counts = { records: 0, bytes: 0 };

/** One attempt of a write activity: what it knows, and what it shows of itself. */
export class Attempt {
  readonly deps: ActivityDeps;
  readonly begun: Begun;
  readonly lane: string;
  /** See WriteActivityInput. */
  readonly endsAt: number | null;
  readonly context: Context;
  readonly epoch: Epoch;
  readonly stop: Stop;
  readonly heart: Heart;
  readonly meters: AttemptMeters;
  /** What the attempt before this one left in its heartbeats. */
  readonly hint: WriteDetails | null;
  readonly #startedAt = new Date().toISOString();
  readonly #startedMs = performance.now();
  readonly #notices: string[] = [];
  /** Of the attempts before this one, as far as is known. */
  readonly losses: LossesByScope;
  readonly #costBefore: SyncCost | null;
  book: Book;
  attached: Attached | null = null;
  /** When it last asked to be attached, ms of performance.now. */
  attachedAt = performance.now();
  meter: Meter | null = null;
  committer: Committer | null = null;
  forwarder: Forwarder | null = null;
  room: StateRoom | null = null;
  phase: Progress['phase'] = 'attaching';
  resumed: Progress['resumedFrom'] = {};
  late: string | null = null;
  limits: readonly WatchedLimit[] = [];
  cadence: CadenceFacts | null = null;
  /** It has failed. */
  next: NextAttempt | null = null;
  schema: SchemaChanges | null = null;
  unfilled: Reviewed['told'] | null = null;
  #overdue = false;
  #checkpointAt = performance.now();
  #news = '[false,false,null]';
  /** Checkpoints made by this attempt. */
  echoes = 0;
  lastCheckpointAt: string | null = null;
  failure: SyncFailure | null = null;
  interrupted = false;

  constructor(deps: ActivityDeps, { begun, lane, endsAt, losses, cost }: WriteActivityInput) {
    this.deps = deps;
    this.begun = begun;
    this.lane = lane;
    this.endsAt = endsAt ?? null;
    this.context = Context.current();
    const { info } = this.context;
    // Supplied by the caller, never counted up: a thawed zombie cannot rise above the attempt that replaced it.
    this.epoch = { syncNo: begun.syncNo, at: info.currentAttemptScheduledTimestampMs };
    this.hint = hintOf(info.heartbeatDetails);
    // Heartbeats know more than what the workflow knew when it began this activity.
    const told = this.hint?.progress;
    const isTold = told?.epoch.syncNo === begun.syncNo;
    this.losses = isTold ? lossesOf(told) : (losses ?? {});
    this.#costBefore = (isTold ? told.cost : cost) ?? null;
    this.failure = this.hint?.failure ?? null;
    this.interrupted = this.hint?.interrupted === true;
    this.book = createBook(this.hint?.checkpoints ?? []);
    this.stop = createStop(this.context);
    this.heart = createHeart(this.context, () => this.details());
    this.heart.beat();
    this.meters = deps.meters.attempt(begun.spec.name, () => this.#observed());
  }

  start(attached: Attached): void {
    this.attached = attached;
    // From now on a failure is this attempt's own; the one before is told by the budget only.
    this.interrupted = false;
    this.book = createBook(attached.checkpoints);
    this.enter('opening');
  }

  enter(phase: Progress['phase']): void {
    this.phase = phase;
    this.heart.beat();
  }

  notice(text: string): void {
    if (this.#notices.length < noticesMax) this.#notices.push(text);
    this.forwarder?.touch();
  }

  /** Of the whole sync so far. */
  get cost(): SyncCost | null {
    return costOf(this.#costBefore, this.cadence);
  }

  get ranMs(): number {
    return performance.now() - this.#startedMs;
  }

  /** ms since this attempt's last checkpoint, or since it began to read. */
  ageMs(): number {
    return performance.now() - this.#checkpointAt;
  }

  /** A checkpoint was made, or reading begins. */
  freshen(): void {
    this.#checkpointAt = performance.now();
    this.#overdue = false;
    this.late = null;
  }

  /** Until the next checkpoint. */
  markOverdue(): void {
    this.#overdue = true;
  }

  /** Since it was last asked: somebody is late or no more so, the source waits for a rate limit or no more so. */
  hasNews(): boolean {
    const news = JSON.stringify([this.late !== null, this.#overdue, this.meter?.limit ?? null]);
    const isNew = news !== this.#news;
    this.#news = news;
    return isNew;
  }

  #observed(): Observed {
    return {
      read: this.meter?.read ?? nothing,
      ageMs: this.ageMs(),
      isOverdue: this.#overdue,
    };
  }

  details(): WriteDetails {
    const { failure, interrupted, committer, book, attached } = this;
    // What it found was acknowledged when it attached.
    const unacknowledged = committer?.unacknowledged ?? (attached === null ? book.all : new Map());
    return {
      progress: this.progress(),
      checkpoints: book.shown(unacknowledged),
      ...(interrupted && { interrupted: true }),
      ...(failure !== null && { failure }),
    };
  }

  progress(): Progress {
    const { meter, cost, late, schema, next } = this;
    const limit = meter?.limit ?? null;
    const unfilled = this.unfilled?.now ?? null;
    return {
      phase: this.phase,
      attempt: this.context.info.attempt,
      epoch: this.epoch,
      worker: this.deps.worker,
      startedAt: this.#startedAt,
      read: meter?.read ?? nothing,
      committed: meter?.committed ?? nothing,
      lastCheckpointAt: this.lastCheckpointAt,
      waiting: meter?.waiting ?? { states: 0, bytes: 0 },
      ...(this.cadence !== null && { cadence: this.cadence }),
      ...(cost !== null && { cost }),
      resumedFrom: this.resumed,
      streams: meter?.streams() ?? [],
      streamCount: meter?.streamCount ?? 0,
      ...(meter !== null && meter.rejected > 0 && { rejected: meter.rejected }),
      ...(meter !== null && { streamsDone: meter.streamsDone }),
      ...(late !== null && { late }),
      ...(this.#overdue && { overdue: true as const }),
      ...(this.limits.length > 0 && { limits: this.limits }),
      ...(limit !== null && next === null && { rateLimit: limitShown(limit) }),
      ...(next !== null && { next }),
      ...(schema !== null && { schema }),
      ...(unfilled !== null && { unfilled }),
      ...(this.#notices.length > 0 && { notices: [...this.#notices] }),
    };
  }

  dispose(): void {
    this.heart.stop();
    this.committer?.stop();
    this.stop.dispose();
  }
}

function limitShown({ stream, resetMs }: Limit): RateLimit {
  return { stream, until: resetMs === null ? null : new Date(resetMs).toISOString() };
}

function hintOf(details: unknown): WriteDetails | null {
  if (!isObject(details) || !isObject(details['progress'])) return null;
  return Array.isArray(details['checkpoints']) ? (details as unknown as WriteDetails) : null;
}

/** The newest commit of this sync. */
export function lastCommitOf(checkpoints: readonly Checkpoint[], syncNo: number): string | null {
  const times = checkpoints
    .filter(({ epoch, seq }) => epoch.syncNo === syncNo && seq > 0)
    .map(({ committedAt }) => committedAt);
  return times.sort().at(-1) ?? null;
}
