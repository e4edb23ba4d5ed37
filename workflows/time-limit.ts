import { CancellationScope, sleep } from '@temporalio/workflow';
import { isStop } from './pausing.ts';

/**
 * Runs work that is cancelled after `msLeft`, and waits until it has stopped; then, or where no time is left to begin with, throws what `over`
 * says. Work that comes to its end all the same has come to its end. null: no limit, and no timer.
 */
export async function within<T>(
  msLeft: number | null,
  work: () => Promise<T>,
  over: () => Error,
): Promise<T> {
  if (msLeft === null) return work();
  if (msLeft <= 0) throw over();
  const scope = new CancellationScope();
  const timer = new CancellationScope();
  let isOver = false;
  void timer
    .run(async () => {
      await sleep(msLeft);
      isOver = true;
      // Invariant 8: the writer drains to a checkpoint, as it does for a cancel.
      scope.cancel();
    })
    .catch(() => undefined); // cancelled below: the work was done first
  try {
    return await scope.run(work);
  } catch (error) {
    if (isOver && isStop(error) && !CancellationScope.current().consideredCancelled) throw over();
    throw error;
  } finally {
    timer.cancel();
  }
}
