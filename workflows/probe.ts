import { ApplicationFailure, workflowInfo } from '@temporalio/workflow';
import { probeActivity } from './activities.ts';
import { labelQueue, type ProbeInput, type ProbeResult } from './messages.ts';

/** Does one thing on behalf of a client, where it can be done: logs on their host, a host-bound connection on its label. */
export async function probeWorkflow(probe: ProbeInput): Promise<ProbeResult> {
  const control = workflowInfo().taskQueue;
  const first = probe.kind === 'logs' ? probe.hostQueue : control;
  const answer = await probeActivity(first, probe.kind)({ probe, hereOnly: false });
  if (answer.type === 'found') return answer.result;
  const queue = labelQueue(control, answer.label);
  const there = await probeActivity(
    queue,
    `${probe.kind} on ${answer.label}`,
  )({
    probe,
    hereOnly: true,
  });
  if (there.type === 'found') return there.result;
  throw ApplicationFailure.nonRetryable('The probe was sent from one label to another.');
}
