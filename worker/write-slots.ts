import type { ActivitySlotInfo, CustomSlotSupplier, TunerHolder } from '@temporalio/worker';

/** A place for one activity. Polling for a task takes one up, before there is a task. */
interface Permit {
  isUsed: boolean;
}

/**
 * The write slots of a process: one number, though the SDK has a worker, with slots of its own, for each queue. Both queues may poll for the
 * last slot; should both be given a task for it, the activity gives one back (`createWriters`).
 */
export interface WriteSlots {
  /** For the worker of one queue. */
  tuner(): TunerHolder;
}

export function createWriteSlots(max: number): WriteSlots {
  let used = 0;
  /** Taken up by polls, of all queues. */
  let polls = 0;
  let waiting: (() => void)[] = [];
  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };

  function supplier(): CustomSlotSupplier<ActivitySlotInfo> {
    let ownPolls = 0;
    // A queue's first poll needs only that a slot is free: it may stay without a task for a minute, and the other queue must not wait for that.
    const mayPoll = (): boolean => used + polls < max || (used < max && ownPolls === 0);
    const poll = (change: 1 | -1): void => {
      polls += change;
      ownPolls += change;
    };
    return {
      type: 'custom',
      async reserveSlot(_, signal) {
        while (!mayPoll()) await changed(signal);
        signal.throwIfAborted();
        poll(1);
        return { isUsed: false } satisfies Permit;
      },
      // Eager activities are a workflow's own, and these workers have none.
      tryReserveSlot: () => null,
      markSlotUsed({ permit }) {
        (permit as Permit).isUsed = true;
        poll(-1);
        used += 1;
        wake();
      },
      releaseSlot({ permit }) {
        if ((permit as Permit).isUsed) used -= 1;
        else poll(-1);
        wake();
      },
    };
  }

  /** Resolves at the next release. */
  function changed(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const leave = (): void => {
        waiting = waiting.filter((one) => one !== done);
        reject(signal.reason as Error);
      };
      const done = (): void => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      waiting.push(done);
      signal.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    tuner: () => ({
      activityTaskSlotSupplier: supplier(),
      // Of no use to a worker that has only activities; the SDK wants all four.
      workflowTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
      localActivityTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
      nexusTaskSlotSupplier: { type: 'fixed-size', numSlots: 1 },
    }),
  };
}
