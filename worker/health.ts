import type { Client } from '@temporalio/client';
import type { Workers } from './worker.ts';

const askMsMax = 2_000;
/** Whoever asks more often gets the answer from before. */
const heldMs = 1_000;

/** What the process says of itself: null is well, else why not, in words without names or settings of ours. */
export interface Health {
  /** It lives, and its workers, once there, poll. */
  alive(): string | null;
  /** It can do all that is asked of it. */
  ready(): Promise<string | null>;
}

export interface HealthOptions {
  /** Aborted: the process drains. */
  readonly stop: AbortSignal;
  /** null: they do not run yet. */
  readonly workers: () => Pick<Workers, 'states'> | null;
  /** Rejects when Temporal does not answer. */
  readonly askTemporal: () => Promise<void>;
}

export function createHealth({ stop, workers, askTemporal }: HealthOptions): Health {
  function alive(): string | null {
    if (stop.aborted) return 'The worker is shutting down.';
    const broken = workers()
      ?.states()
      .find(({ state }) => state !== 'RUNNING');
    if (broken === undefined) return null;
    return `A worker does not poll its queue: it is ${broken.state}.`;
  }
  return {
    alive,
    async ready() {
      if (alive() !== null) return alive();
      if (workers() === null) return 'The worker is starting.';
      try {
        await askTemporal();
      } catch {
        return alive() ?? 'Temporal does not answer.';
      }
      // It may have ended meanwhile.
      return alive();
    },
  };
}

/** Asks Temporal, at most one question at a time and one a second: probes may come from anywhere. */
export function askTemporalOf(client: Client): () => Promise<void> {
  let asked: Promise<void> | null = null;
  return () => {
    if (asked !== null) return asked;
    const { connection } = client;
    asked = connection
      .withDeadline(Date.now() + askMsMax, () => connection.workflowService.getSystemInfo({}))
      .then(() => undefined);
    const forget = (): void => void setTimeout(() => (asked = null), heldMs).unref();
    asked.then(forget, forget);
    return asked;
  };
}
