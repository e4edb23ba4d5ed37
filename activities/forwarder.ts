import { stateText, type Checkpoint, type Scope } from '../protocol/index.ts';
import { packedLength } from '../workflows/data-converter.ts';

/** The first forward goes at once; the pauses then grow. Each is about four events of the sync's history. */
const pauseMsMin = 10_000;
const pauseMsMax = 5 * 60_000;
const growth = 1.5;
/** More forwards than this end the segment. */
const forwardsMax = 300;
/** So does more than this in them, compressed: the server ends a workflow whose history has 50 MiB. */
const forwardedBytesMax = 16 * 1024 * 1024;
/** A larger state is told by its size: a sync only shows it, and the connection has it whole. */
const shownStateBytesMax = 16 * 1024;

/** Shows checkpoints to the sync workflow, now and then. Losing one costs nothing: the connection workflow holds them. */
export interface Forwarder {
  offer(checkpoint: Checkpoint): void;
  /** Something else worth showing has changed. */
  touch(): void;
  /** Forwards if there is news and it is time; called often. */
  tick(): void;
  /** Forwards what was not, at once. Never rejects. */
  finish(): Promise<void>;
  /** The sync's history has grown by so much that its segment should end. */
  readonly isSpent: boolean;
}

function shown(checkpoint: Checkpoint): Checkpoint {
  const { state, exact: _, ...rest } = checkpoint;
  if (state === null) return checkpoint;
  const stateBytes = Buffer.byteLength(stateText(checkpoint));
  return stateBytes <= shownStateBytesMax ? checkpoint : { ...rest, state: null, stateBytes };
}

/** `send` rejects when it did not arrive; the news then go with the next one. */
export function createForwarder(
  send: (checkpoints: readonly Checkpoint[]) => Promise<void>,
): Forwarder {
  const news = new Map<Scope, Checkpoint>();
  let touched = false;
  let count = 0;
  let bytes = 0;
  let pauseMs = pauseMsMin;
  let dueAt = 0;
  let underWay: Promise<void> | null = null;

  async function forward(): Promise<void> {
    const sent = new Map(news);
    news.clear();
    touched = false;
    dueAt = performance.now() + pauseMs;
    pauseMs = Math.min(pauseMsMax, pauseMs * growth);
    count += 1;
    const told = [...sent.values()].map(shown);
    bytes += packedLength(JSON.stringify(told));
    try {
      await send(told);
    } catch {
      // Temporal is away, or the sync has ended: what was not shown is shown next time.
      for (const [scope, checkpoint] of sent) if (!news.has(scope)) news.set(scope, checkpoint);
    } finally {
      underWay = null;
    }
  }

  const hasNews = (): boolean => news.size > 0 || touched;

  function tick(): void {
    if (underWay !== null || !hasNews() || performance.now() < dueAt) return;
    underWay = forward();
  }

  return {
    offer(checkpoint) {
      news.set(checkpoint.scope, checkpoint);
      tick();
    },
    touch() {
      touched = true;
      tick();
    },
    tick,
    async finish() {
      await underWay;
      if (hasNews()) await forward();
    },
    get isSpent() {
      return count >= forwardsMax || bytes >= forwardedBytesMax;
    },
  };
}
