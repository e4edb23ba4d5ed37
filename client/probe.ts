import { randomUUID } from 'node:crypto';
import type { Client } from '@temporalio/client';
import type { probeWorkflow } from '../workflows/index.ts';
import type { ProbeInput, ProbeResult } from '../workflows/messages.ts';
import { clientError } from './failure.ts';
import { awaitWork, type WaitOptions } from './queues.ts';
import { described, workflowTypes } from './starts.ts';
import { waitsForOf } from './sync-view.ts';

/** Longer than any probe's activity: a first use of a connector installs it. */
const probeTimeout = '1 hour';

const summaries: Readonly<Record<ProbeInput['kind'], string>> = {
  check: 'Check both ends',
  'check-spec': 'Check both ends of a connection file',
  plan: 'Tell what the next sync would do',
  'plan-spec': 'Tell what a sync of a connection file would do',
  discover: "Read the source's catalog",
  logs: 'Read connector logs',
  connectors: "List the worker's connectors",
  'connector-spec': "Read a connector's spec",
};

/** Runs a probeWorkflow and waits for what it found. */
export async function probe(
  client: Client,
  taskQueue: string,
  input: ProbeInput,
  options: WaitOptions = {},
): Promise<ProbeResult> {
  const workflowId = `probe/${input.kind}/${randomUUID()}`;
  const connection = 'connection' in input ? input.connection : null;
  try {
    const workflow = await client.workflow.start<typeof probeWorkflow>(workflowTypes.probe, {
      workflowId,
      taskQueue,
      args: [input],
      workflowExecutionTimeout: probeTimeout,
      ...described(connection, summaries[input.kind], 'Started by a client; changes nothing.'),
    });
    return await awaitWork(client, {
      work: workflow.result(),
      waitsFor: async () => waitsForOf(await workflow.describe()),
      ...options,
    });
  } catch (error) {
    throw clientError(error, workflowId);
  }
}
