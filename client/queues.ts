import type { Client } from '@temporalio/client';

/** A worker's long poll lasts up to a minute; the server forgets a poller after five. */
const pollerAgeMsMax = 120_000;
/** How long something waits before it is worth saying that nobody takes it. */
const unpolledAfterMs = 4_000;
const lookEveryMs = 5_000;

export type QueueKind = 'workflow' | 'activity';
const queueTypes = { workflow: 1, activity: 2 } as const;

/** True when a worker has polled the queue within the last two minutes. */
export async function isPolled(client: Client, queue: string, kind: QueueKind): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace: client.options.namespace,
    taskQueue: { name: queue },
    taskQueueType: queueTypes[kind],
  });
  return (pollers ?? []).some(({ lastAccessTime }) => {
    const seconds = Number(lastAccessTime?.seconds ?? 0);
    return Date.now() - seconds * 1_000 < pollerAgeMsMax;
  });
}

export interface WaitOptions {
  /** Told once, when the work waits for a queue that no worker polls. The wait goes on. */
  readonly onUnpolled?: ((queue: string) => void) | undefined;
}

export interface Waiting<T> extends WaitOptions {
  /** The queue that the work waits for now; null: for none. */
  readonly waitsFor: () => Promise<{ readonly queue: string; readonly kind: QueueKind } | null>;
  readonly work: Promise<T>;
}

/** Waits for the work and says when no worker is there to do it. */
export async function awaitWork<T>(
  client: Client,
  { work, waitsFor, onUnpolled }: Waiting<T>,
): Promise<T> {
  if (onUnpolled === undefined) return work;
  let timer: NodeJS.Timeout | undefined;
  const look = async (): Promise<void> => {
    const waiting = await waitsFor();
    if (waiting !== null && !(await isPolled(client, waiting.queue, waiting.kind)))
      onUnpolled(waiting.queue);
    else arm(lookEveryMs);
  };
  const arm = (delayMs: number): void => {
    // The work itself reports what is wrong with the connection; the look is only a courtesy.
    timer = setTimeout(() => void look().catch(() => arm(lookEveryMs)), delayMs);
  };
  arm(unpolledAfterMs);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}
