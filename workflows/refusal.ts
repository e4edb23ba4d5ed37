import { ApplicationFailure } from '@temporalio/common';
import { describeFailure, type ConnectionState, type SyncFailure } from '../protocol/index.ts';
import { refusals } from './messages.ts';

/** Why an update is refused; null: it is not. */
export type Refusal = ApplicationFailure | null;

export function refuse(
  type: (typeof refusals)[keyof typeof refusals],
  kind: SyncFailure['kind'],
  message: string,
  rest: Partial<Omit<SyncFailure, 'kind' | 'message' | 'origin'>>,
): ApplicationFailure {
  const failure: SyncFailure = { kind, origin: 'tidemark', message, ...rest };
  return ApplicationFailure.nonRetryable(describeFailure(failure), type, failure);
}

/** A person's edit waits until no sync runs. */
export function busyRefusal({ lease, spec }: ConnectionState): Refusal {
  if (lease === null) return null;
  return refuse(refusals.syncRunning, 'config_error', 'A sync of this connection is running.', {
    code: 'busy',
    place: lease.holder.workflowId,
    remedy: `Cancel it first: tidemark cancel ${spec.name}. If it was terminated, sync once: the next sync takes over.`,
  });
}
