import type { Context } from '@temporalio/activity';
import type { Checkpoint, HeartbeatDetails, Scope, SyncFailure } from '../protocol/index.ts';

/** Details hold every checkpoint up to this size, and only those that nobody has acknowledged above it. */
const allCheckpointsBytesMax = 256 * 1024;
/** More unacknowledged checkpoints than this are committed before anything else: the server takes 2 MiB. */
export const unacknowledgedBytesMax = 1024 * 1024;
const beatsPerTimeout = 3;
/** Echoes come in swarms: beats of one swarm are no closer than this. */
const soonMs = 50;

/** Heartbeat details of a write attempt, with what the attempt before it failed with: a later one that gives up names it. */
export interface WriteDetails extends HeartbeatDetails {
  readonly failure?: SyncFailure;
}

/** Sends heartbeats with details, never without: those would erase the checkpoints. */
export interface Heart {
  /** At once: what must not be lost, and the last one. */
  beat(): void;
  /** At once, or together with what comes within the next moments. */
  soon(): void;
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
  const soon = (): void => {
    if (waiting !== undefined) return;
    const gap = beatAt + soonMs - performance.now();
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

/** The checkpoints that an attempt knows, with their sizes. */
export interface Book {
  /** True now and then, when so much was added that it is worth asking how much is unacknowledged. */
  add(checkpoint: Checkpoint): boolean;
  readonly all: ReadonlyMap<Scope, Checkpoint>;
  /** What goes into the heartbeat. */
  shown(unacknowledged: ReadonlyMap<Scope, Checkpoint>): readonly Checkpoint[];
  bytesOf(checkpoints: ReadonlyMap<Scope, Checkpoint>): number;
}

export function createBook(start: readonly Checkpoint[]): Book {
  const all = new Map<Scope, Checkpoint>();
  const sizes = new Map<Scope, number>();
  let bytes = 0;
  let added = 0;
  function add(checkpoint: Checkpoint): boolean {
    const { scope } = checkpoint;
    const size = JSON.stringify(checkpoint).length;
    bytes += size - (sizes.get(scope) ?? 0);
    sizes.set(scope, size);
    all.set(scope, checkpoint);
    added += size;
    if (added < unacknowledgedBytesMax / 4) return false;
    added = 0;
    return true;
  }
  for (const checkpoint of start) add(checkpoint);
  return {
    add,
    all,
    shown: (unacknowledged) => [
      ...(bytes <= allCheckpointsBytesMax ? all : unacknowledged).values(),
    ],
    bytesOf(checkpoints) {
      let sum = 0;
      for (const scope of checkpoints.keys()) sum += sizes.get(scope) ?? 0;
      return sum;
    },
  };
}
