import type { SyncFailure, SyncSummary } from '../../client/index.ts';
import type { Applied, Cluster } from '../support/cluster.ts';
import { startProcess } from '../support/processes.ts';

/** Syncs by the command line, and proves that its output and the connection's history tell the failure in the same words. */
export async function failingSync(cluster: Cluster, { name }: Applied): Promise<SyncFailure> {
  const cli = startProcess({
    program: 'client/main.js',
    args: ['sync', name],
    directory: cluster.directory,
    env: cluster.env,
  });
  const code = await cli.exited;
  const { history, lease } = await cluster.client.status(name);
  expect(lease).toBeNull();
  const summary = history.at(-1) as SyncSummary;
  expect(summary).toMatchObject({ outcome: 'failed' });
  const failure = summary.failure!;
  const said = words(cli.said());
  expect(said).toContain(words(failure.message));
  expect(failure.remedy).toBeDefined();
  expect(said).toContain(words(failure.remedy!));
  expect(code).toBe(failure.kind === 'config_error' ? 2 : 1);
  return failure;
}

const words = (text: string): string => text.replaceAll(/\s+/g, ' ');
