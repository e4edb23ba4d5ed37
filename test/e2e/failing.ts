import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { SyncFailure } from '../../client/index.ts';
import { syncWorkflowId } from '../../workflows/messages.ts';
import type { Applied, Cluster } from '../support/cluster.ts';
import { startProcess } from '../support/processes.ts';

/** Syncs by the command line. Proves that its output, the workflow's failure and the connection's history tell the same, and how to go on. */
export async function failingSync(cluster: Cluster, { name }: Applied): Promise<SyncFailure> {
  const cli = startProcess({
    program: 'client/main.js',
    args: ['sync', name],
    directory: cluster.directory,
    env: cluster.env,
  });
  const code = await cli.exited;
  const failure = await failureIn(cluster, name);
  const { history, lease } = await cluster.client.status(name);
  expect(lease).toBeNull();
  expect(history.at(-1)).toMatchObject({
    workflowId: syncWorkflowId(name),
    outcome: 'failed',
    failure,
  });
  for (const { outcome, syncNo } of history)
    expect([outcome, syncNo > 0]).toEqual(['failed', true]);
  const said = words(cli.said());
  expect(said).toContain(words(failure.message));
  expect(said).toContain(words(failure.place ?? `${name} has a failure without a place`));
  expect(said).toContain(words(failure.remedy ?? `${name} has a failure without a remedy`));
  expect(code).toBe(failure.kind === 'config_error' ? 2 : 1);
  return failure;
}

async function failureIn(cluster: Cluster, name: string): Promise<SyncFailure> {
  const ended = cluster.temporal.workflow.getHandle(syncWorkflowId(name)).result();
  const error: unknown = await ended.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkflowFailedError);
  const { cause } = error as WorkflowFailedError;
  expect(cause).toBeInstanceOf(ApplicationFailure);
  return (cause as ApplicationFailure).details![0] as SyncFailure;
}

const words = (text: string): string => text.replaceAll(/\s+/g, ' ');
