import { hostname, userInfo } from 'node:os';
import { Option, type Command } from 'commander';
import { pauseText } from '../../protocol/index.ts';
import type { SyncClient, SyncHandle } from '../index.ts';
import { plural } from './format.ts';
import { answer, exitCodes, onUnpolled, remark, type Session } from './io.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

export function addPause(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'pause <name>',
    summary: 'begin no sync until it is resumed; the running one drains to a checkpoint and waits',
    options: [new Option('--note <text>', 'why')],
    examples: ['tidemark pause orders', 'tidemark pause orders --note "database upgrade"'],
    act: pause,
  });
  addVerb(program, verbs, {
    usage: 'resume <name>',
    summary: 'end a pause: the sync that waits goes on from its checkpoint',
    examples: ['tidemark resume orders'],
    act: resume,
  });
}

type Args = readonly (string | undefined)[];

async function pause(session: Session, [name = '']: Args, { note }: Options): Promise<number> {
  const client = await session.client();
  const request = { by: whoAmI(), ...(typeof note === 'string' && { note }) };
  const paused = await client.pause(name, request, onUnpolled(session));
  const running = await client.runningSync(name);
  const sync = running === null ? null : await stopped(session, running);
  answer(session, { name, paused, sync }, () => [
    `${name}: paused ${pauseText(paused)}. No sync begins until: tidemark resume ${name}`,
    ...(sync === null ? [] : [`${sync.workflowId}: ${sync.state}.`]),
  ]);
  return exitCodes.done;
}

interface Stopped {
  readonly workflowId: string;
  /** `paused`: it waits at a checkpoint. `pausing`: the person left before. Else how it ended. */
  readonly state: string;
}

async function stopped(session: Session, handle: SyncHandle): Promise<Stopped> {
  const { workflowId } = handle;
  remark(session, `${workflowId}: draining to a checkpoint.`);
  const left = new AbortController();
  const stopListening = session.io.onInterrupt(() => left.abort());
  try {
    for await (const { pause: found, summary } of handle.watch({ signal: left.signal })) {
      if (summary !== null) return { workflowId, state: summary.outcome };
      if (found === 'paused') return { workflowId, state: 'paused' };
    }
    return { workflowId, state: 'pausing' };
  } finally {
    stopListening();
  }
}

async function resume(session: Session, [name = '']: Args): Promise<number> {
  const client = await session.client();
  const ended = await client.resume(name, onUnpolled(session));
  const running = ended === null ? null : await client.runningSync(name);
  const sync = running?.workflowId ?? null;
  answer(session, { name, resumed: ended !== null, ended, sync }, () => {
    if (ended === null) return [`${name}: it is not paused.`];
    const { skipped } = ended;
    return [
      `${name}: resumed. It was paused ${pauseText(ended)}.`,
      ...(skipped === undefined ? [] : [`${plural(skipped.count, 'sync')} skipped meanwhile.`]),
      sync === null
        ? `The next sync begins by its schedule, or: tidemark sync ${name}`
        : `${sync} goes on from its checkpoint. Watch: tidemark status ${name} --watch.`,
    ];
  });
  return exitCodes.done;
}

/** Before a sync, where the person said `--resume`. */
export async function resumeFirst(
  session: Session,
  client: SyncClient,
  name: string,
): Promise<void> {
  const ended = await client.resume(name, onUnpolled(session));
  if (ended !== null) remark(session, `${name}: resumed. It was paused ${pauseText(ended)}.`);
}

function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`;
  } catch {
    // A user id without a name, as in some containers.
    return hostname();
  }
}
