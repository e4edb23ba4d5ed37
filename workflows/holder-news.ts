import { getExternalWorkflowHandle } from '@temporalio/workflow';
import type { ConnectionState, Holder, Pause } from '../protocol/index.ts';
import { pausedSignal } from './messages.ts';

/** Tells the sync that holds a connection whether it is paused. */
export interface HolderNews {
  isDue(state: ConnectionState): boolean;
  /** Never rejects. One at a time: what is told later was decided later. */
  tell(state: ConnectionState): Promise<void>;
}

interface Told {
  readonly isPaused: boolean;
  readonly firstRunId: string | null;
}

/** `start`: what the run begins with. The run before told it, or nobody has to be told. */
export function createHolderNews(start: ConnectionState): HolderNews {
  let told = toldBy(start);

  function isDue(state: ConnectionState): boolean {
    const { isPaused, firstRunId } = toldBy(state);
    if (firstRunId === null) return false;
    // A sync that has just begun takes it that there is no pause: while there is one, only a sync that knows of it begins again.
    return isPaused !== (firstRunId === told.firstRunId && told.isPaused);
  }

  async function tell(state: ConnectionState): Promise<void> {
    const { lease, paused } = state;
    told = toldBy(state);
    if (lease !== null) await send(lease.holder, paused ?? null);
  }

  return { isDue, tell };
}

function toldBy({ lease, paused }: ConnectionState): Told {
  return { isPaused: paused !== undefined, firstRunId: lease?.holder.firstRunId ?? null };
}

async function send({ workflowId, firstRunId }: Holder, pause: Pause | null): Promise<void> {
  try {
    // Whichever of its runs is the current one.
    await getExternalWorkflowHandle(workflowId).signal(pausedSignal, { firstRunId, pause });
  } catch {
    // It is gone: terminated, or it ended a moment ago.
  }
}
