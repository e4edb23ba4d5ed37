import type { Checkpoint } from '../protocol/index.ts';
import { forwardSignal } from '../workflows/messages.ts';
import type { Attempt } from './attempt.ts';

const signalMsMax = 5_000;

/** Tells the sync workflow how far this attempt is. Rejects when it did not arrive. */
export async function tellSync(
  attempt: Attempt,
  checkpoints: readonly Checkpoint[] = [],
): Promise<void> {
  const { deps, epoch, context } = attempt;
  const { workflowId, runId } = context.info.workflowExecution!;
  const sync = deps.client.workflow.getHandle(workflowId, runId);
  await deps.client.withDeadline(Date.now() + signalMsMax, () =>
    sync.signal(forwardSignal, { epoch, checkpoints, progress: attempt.progress() }),
  );
}
