import type { CadenceFacts, WarehouseCost } from './connector.ts';

/** What a sync has cost in the warehouse, by all its attempts: at least, as one that died told it now and then only. */
export interface SyncCost extends WarehouseCost {
  readonly commits: number;
}

/** `cadence`: of the attempt that runs. null: nothing that is paid for. */
export function costOf(before: SyncCost | null, cadence: CadenceFacts | null): SyncCost | null {
  if (cadence?.cost === undefined) return before;
  const { commits, cost } = cadence;
  return {
    commits: (before?.commits ?? 0) + commits,
    stagedBytes: (before?.stagedBytes ?? 0) + cost.stagedBytes,
    busyMs: (before?.busyMs ?? 0) + cost.busyMs,
  };
}
