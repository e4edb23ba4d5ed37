import {
  ActivityFailure,
  CancellationScope,
  condition,
  isCancellation,
  setHandler,
} from '@temporalio/workflow';
import { isObject } from '../protocol/index.ts';
import { pausedSignal } from './messages.ts';
import type { SyncView } from './sync-view.ts';

/** A sync that its connection pauses. */
export interface Pausing {
  /** Runs work that a pause cancels; null: a pause has ended it. */
  run<T>(work: () => Promise<T>): Promise<T | null>;
  /** Waits until the pause is over, if there is one: no activity and no timer runs, and history does not grow. */
  over(): Promise<void>;
}

/** `firstRunId`: this sync's, for which the news must be. */
export function createPausing(firstRunId: string, view: SyncView): Pausing {
  /** What runs now. */
  let running: { readonly scope: CancellationScope; isPaused: boolean } | null = null;

  setHandler(
    pausedSignal,
    (news) => {
      // What a person sends in Temporal's UI would pause this sync and not its connection.
      if (!isObject(news) || news.firstRunId !== firstRunId) return;
      view.pause = news.pause;
      if (running === null) return;
      view.show(news.pause === null ? 'running' : 'pausing');
      if (news.pause === null) return;
      // Invariant 8: the writer drains to a checkpoint, as it does for a cancel.
      running.isPaused = true;
      running.scope.cancel();
    },
    {
      description:
        'Sent by the connection only. To pause or resume, send the update `pause` or `resume` to the workflow of the connection.',
    },
  );

  async function run<T>(work: () => Promise<T>): Promise<T | null> {
    const mine = { scope: new CancellationScope(), isPaused: false };
    running = mine;
    try {
      return await mine.scope.run(work);
    } catch (error) {
      if (!mine.isPaused || !isStop(error) || CancellationScope.current().consideredCancelled)
        throw error;
      return null;
    } finally {
      running = null;
    }
  }

  async function over(): Promise<void> {
    if (view.pause === null) return;
    view.show('paused');
    await condition(() => view.pause === null);
    view.show('running');
  }

  return { run, over };
}

/** It drained; or it failed or died before it had, in a way that it would have been tried again. */
export function isStop(error: unknown): boolean {
  return (
    isCancellation(error) ||
    (error instanceof ActivityFailure && error.retryState === 'CANCEL_REQUESTED')
  );
}
