import { Option, type Command } from 'commander';
import type { SyncSummary } from '../../protocol/index.ts';
import type { SyncClient, SyncHandle } from '../index.ts';
import { answer, exitCodes, onUnpolled, remark, type Session } from './io.ts';
import { resumeFirst } from './pause.ts';
import { specAt, targetOf } from './targets.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';
import { watchSync } from './watch-sync.ts';

export function addSync(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'sync <name|file>',
    summary: 'start a sync (or attach to the running one) and show its progress',
    options: [
      new Option('--detach', 'return as soon as it is started'),
      new Option('--resume', 'end a pause first, if there is one'),
    ],
    examples: [
      'tidemark sync orders',
      'tidemark sync connections/orders.yaml   # applies the file first',
      'tidemark sync orders --detach',
      'tidemark sync orders --resume   # although it is paused',
      'tidemark sync orders --json | jq .type',
    ],
    act: sync,
  });
  addVerb(program, verbs, {
    usage: 'cancel <name>',
    summary: 'stop the running sync at a checkpoint and wait until it has',
    examples: ['tidemark cancel orders'],
    act: cancel,
  });
}

async function sync(
  session: Session,
  [text = '']: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  const target = targetOf(text);
  const spec = target.type === 'file' ? await specAt(session.io, target.path) : null;
  const client = await session.client();
  if (spec !== null) {
    const { connection } = await client.apply(spec, onUnpolled(session));
    remark(session, `${spec.name}: ${connection}`);
  }
  const name = spec?.name ?? (target.type === 'name' ? target.name : '');
  if (options['resume'] === true) await resumeFirst(session, client, name);
  return runSync(session, client, name, options['detach'] === true);
}

/** Starts a sync and shows it to its end, or returns at once. */
export async function runSync(
  session: Session,
  client: SyncClient,
  name: string,
  detach: boolean,
): Promise<number> {
  const handle = await client.startSync(name);
  if (handle.origin === 'attached') sayAttached(session, handle);
  if (detach) {
    const { workflowId, firstRunId, origin } = handle;
    answer(session, { connection: name, workflowId, firstRunId, origin }, () => [
      `${workflowId} runs. ${hint(name)}`,
    ]);
    return exitCodes.done;
  }
  return watchToEnd(session, client, handle);
}

function sayAttached(session: Session, { connection, workflowId }: SyncHandle): void {
  remark(session, `A sync of ${connection} runs already (${workflowId}): watching that one.`);
}

function hint(name: string): string {
  return `Watch: tidemark status ${name} --watch. Stop: tidemark cancel ${name}.`;
}

async function watchToEnd(
  session: Session,
  client: SyncClient,
  handle: SyncHandle,
): Promise<number> {
  const summary = await watchSync(session, handle);
  if (summary === null) {
    remark(session, `Detached; the sync runs on. ${hint(handle.connection)}`);
    return exitCodes.done;
  }
  if (summary.outcome !== 'skipped' || summary.failure?.code === 'paused')
    return exitCodeOf(summary);
  const running = await client.runningSync(handle.connection);
  if (running === null || running.workflowId === handle.workflowId) return exitCodeOf(summary);
  sayAttached(session, running);
  const other = await watchSync(session, running);
  return other === null ? exitCodes.done : exitCodeOf(other);
}

export function exitCodeOf({ outcome, failure }: SyncSummary): number {
  switch (outcome) {
    case 'succeeded':
      return exitCodes.done;
    case 'partial':
      return exitCodes.partial;
    case 'failed':
    case 'skipped':
      return failure?.kind === 'config_error' ? exitCodes.config : exitCodes.failed;
    case 'cancelled':
      return exitCodes.failed;
  }
}

async function cancel(session: Session, [name = '']: readonly (string | undefined)[]) {
  const client = await session.client();
  const handle = await client.cancel(name);
  if (handle === null) {
    answer(session, { name, cancelled: false }, () => [`${name}: no sync is running.`]);
    return exitCodes.done;
  }
  remark(session, `${handle.workflowId}: stopping at a checkpoint.`);
  const summary = await watchSync(session, handle);
  if (summary === null) remark(session, 'Left; it goes on stopping.');
  return exitCodes.done;
}
