import { setTimeout as sleep } from 'node:timers/promises';
import type { SyncHandle } from '../../../client/index.ts';
import type { Applied, Cluster } from '../../support/cluster.ts';
import { attemptsIn } from '../../support/exact-source.ts';
import { isRunning, type RunningProcess } from '../../support/processes.ts';

/** What happens to a sync of the soak, once. `none`: nothing. */
export const soakFaults = [
  'none',
  'source killed',
  'worker killed',
  'worker told to end',
  'worker frozen',
  'connection cut at COMMIT',
  'cancelled',
  'paused and resumed',
] as const;
export type SoakFault = (typeof soakFaults)[number];

/** Shorter than it takes another worker to take over, and longer: both happen. */
const frozenMs = [1_000, 6_000] as const;

/** A lane of the soak: its cluster, and the worker that faults may take. */
export interface Field {
  readonly cluster: Cluster;
  readonly applied: Applied;
  victim: RunningProcess;
}

/** Whether the fault applies to the cluster's destination. */
export function applies(fault: SoakFault, { target }: Cluster): boolean {
  return fault !== 'connection cut at COMMIT' || target.proxy !== null;
}

/** Strikes now; resolves once the field is whole again, the sync may still run. */
export async function strike(
  fault: SoakFault,
  field: Field,
  { sync, random }: { readonly sync: SyncHandle; readonly random: () => number },
): Promise<void> {
  const { cluster, applied } = field;
  switch (fault) {
    case 'none':
      return;
    case 'source killed': {
      const run = attemptsIn(applied.directory).at(-1);
      if (run !== undefined && isRunning(run)) process.kill(run.pid, 'SIGKILL');
      return;
    }
    case 'worker killed':
      await field.victim.kill();
      field.victim = await cluster.worker();
      return;
    case 'worker told to end':
      field.victim.signal('SIGTERM');
      await field.victim.exited;
      field.victim = await cluster.worker();
      return;
    case 'worker frozen':
      field.victim.signal('SIGSTOP');
      await sleep(frozenMs[0] + random() * (frozenMs[1] - frozenMs[0]));
      field.victim.signal('SIGCONT');
      return;
    case 'connection cut at COMMIT':
      cluster.target.proxy!.cutAt({ from: 'client', text: 'COMMIT', loseAnswer: random() < 0.5 });
      return;
    case 'cancelled':
      await sync.cancel().catch(async (error: unknown) => {
        if ((await sync.status()).summary === null) throw error;
      });
      return;
    case 'paused and resumed':
      await cluster.client.pause(applied.name);
      await sleep(random() * 2_000);
      await cluster.client.resume(applied.name);
      return;
  }
}
