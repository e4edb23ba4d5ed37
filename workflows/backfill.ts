import { fillable, type ConnectionState, type SyncSummary } from '../protocol/index.ts';
import { refresh, refreshRefusal } from './refresh-state.ts';

/**
 * What `on_new_column: backfill` does once a sync has found columns that old rows lack: the next one reads their streams again, where the
 * rows merge by their key. Asked again after each sync that succeeds, so it never asks for what is asked for already.
 */
export function backfilled(
  state: ConnectionState,
  { outcome, unfilled }: SyncSummary,
  now: string,
): ConnectionState {
  const wanted = state.spec.policy.onNewColumn === 'backfill' && outcome === 'succeeded';
  if (!wanted || unfilled === undefined) return state;
  const streams = fillable(state, unfilled).merging.map(({ stream }) => stream);
  const request = { streams, manner: 'keep', reason: 'policy.on_new_column' } as const;
  // A state of one piece can only be reset as a whole: that is for a person to say.
  return refreshRefusal(state, request) === null ? refresh(state, request, now) : state;
}
