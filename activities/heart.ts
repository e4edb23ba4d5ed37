import type { Context } from '@temporalio/activity';
import type { Checkpoint, HeartbeatDetails, Scope, SyncFailure } from '../protocol/index.ts';

/** Details hold every checkpoint up to this size, and only those that nobody has acknowledged above it. */
const allCheckpointsBytesMax = 256 * 1024;
const beatsPerTimeout = 3;
/** Echoes come in swarms: beats of one swarm are no closer than this. */
const soonMs = 50;
/** Beats that hold large states are further apart: each is turned into JSON and compressed, about 50 bytes in a microsecond. */
const bytesPerMs = 2_500;

/** Heartbeat details of a write attempt, with what the attempt before it failed with: a later one that gives up names it. */
export interface WriteDetails extends HeartbeatDetails {
  readonly failure?: SyncFailure;
}

/** Sends heartbeats with details, never without: those would erase the checkpoints. */
export interface Heart {
  /** At once: what must not be lost, and the last one. */
  beat(): void;
  /** At once, or together with what comes within the next moments. `bytes`: of the checkpoints that it holds, as JSON. */
  soon(bytes: number): void;
  stop(): void;
}

/** Repeats the current details while nothing happens. `fallbackMs`: where the activity has no heartbeat timeout. */
export function createHeart(context: Context, details: () => object, fallbackMs = 10_000): Heart {
  const timeoutMs = context.info.heartbeatTimeoutMs ?? fallbackMs;
  let beatAt = -Infinity;
  let waiting: NodeJS.Timeout | undefined;
  const beat = (): void => {
    clearTimeout(waiting);
    waiting = undefined;
    beatAt = performance.now();
    context.heartbeat(details());
  };
  const soon = (bytes: number): void => {
    if (waiting !== undefined) return;
    const apartMs = Math.min(Math.max(soonMs, bytes / bytesPerMs), timeoutMs / beatsPerTimeout);
    const gap = beatAt + apartMs - performance.now();
    if (gap <= 0) beat();
    else waiting = setTimeout(beat, gap);
  };
  const timer = setInterval(beat, timeoutMs / beatsPerTimeout);
  return {
    beat,
    soon,
    stop() {
      clearInterval(timer);
      clearTimeout(waiting);
    },
  };
}

/** What a checkpoint adds to a payload. */
export function jsonBytesOf(checkpoint: Checkpoint): number {
  return Buffer.byteLength(JSON.stringify(checkpoint));
}

/** The checkpoints that an attempt knows. */
export interface Book {
  /** `bytes`: of JSON. */
  add(checkpoint: Checkpoint, bytes: number): void;
  /** Of all of them. */
  readonly bytes: number;
  readonly all: ReadonlyMap<Scope, Checkpoint>;
  /** What goes into the heartbeat. */
  shown(unacknowledged: ReadonlyMap<Scope, Checkpoint>): readonly Checkpoint[];
}

export function createBook(start: readonly Checkpoint[]): Book {
  const all = new Map<Scope, Checkpoint>();
  const sizes = new Map<Scope, number>();
  let bytes = 0;
  function add(checkpoint: Checkpoint, size: number): void {
    const { scope } = checkpoint;
    bytes += size - (sizes.get(scope) ?? 0);
    sizes.set(scope, size);
    all.set(scope, checkpoint);
  }
  for (const checkpoint of start) add(checkpoint, jsonBytesOf(checkpoint));
  return {
    add,
    get bytes() {
      return bytes;
    },
    all,
    shown: (unacknowledged) => [
      ...(bytes <= allCheckpointsBytesMax ? all : unacknowledged).values(),
    ],
  };
}
