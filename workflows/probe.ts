import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import { workflowInfo } from '@temporalio/workflow';
import { logsActivity, probeActivity } from './activities.ts';
import {
  labelQueue,
  type ProbeActivityResult,
  type ProbeInput,
  type ProbeResult,
} from './messages.ts';

/** Does one thing on behalf of a client, where it can be done: logs on their host, a host-bound connection on its label. */
export async function probeWorkflow(probe: ProbeInput): Promise<ProbeResult> {
  const control = workflowInfo().taskQueue;
  if (probe.kind === 'logs') return logs(probe, control);
  const answer = await probeActivity(control, probe.kind)({ probe, hereOnly: false });
  if (answer.type === 'found') return answer.result;
  const queue = labelQueue(control, answer.label);
  const there = await probeActivity(
    queue,
    `${probe.kind} on ${answer.label}`,
  )({
    probe,
    hereOnly: true,
  });
  return found(there);
}

type LogsProbe = Extract<ProbeInput, { kind: 'logs' }>;

/** The process that wrote the logs, else another worker of its host: they share the state directory. */
async function logs(probe: LogsProbe, control: string): Promise<ProbeResult> {
  try {
    return found(await logsActivity(probe.hostQueue)({ probe, hereOnly: true }));
  } catch (error) {
    if (probe.label === null || !isUnclaimed(error)) throw error;
  }
  const queue = labelQueue(control, probe.label);
  return found(await probeActivity(queue, `logs on ${probe.label}`)({ probe, hereOnly: true }));
}

/** No worker took the activity in time. */
function isUnclaimed(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof TimeoutFailure && cause.timeoutType === 'SCHEDULE_TO_START';
}

function found(answer: ProbeActivityResult): ProbeResult {
  if (answer.type === 'found') return answer.result;
  throw ApplicationFailure.nonRetryable('The probe was sent from one label to another.');
}
