import { Option, type Command } from 'commander';
import { globalScope, SyncError, type ConnectionState, type Scope } from '../../protocol/index.ts';
import { suggestion } from '../../protocol/nearest.ts';
import { needsYes } from './apply.ts';
import { answer, exitCodes, onUnpolled, type Session } from './io.ts';
import { checkpointText } from './render-status.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

export function addState(program: Command, verbs: Verbs): void {
  const state = program.command('state').description("see and edit a connection's checkpoints");
  addVerb(state, verbs, {
    usage: 'show <name>',
    summary: 'print every checkpoint with its exact state',
    examples: ['tidemark state show orders', 'tidemark state show orders --json'],
    act: async (session, [name = '']) => {
      const { checkpoints } = await (await session.client()).status(name);
      const all = Object.values(checkpoints);
      answer(session, all, () =>
        all.length === 0
          ? [`${name}: no checkpoint yet. The next sync starts from scratch.`]
          : all.flatMap(checkpointText),
      );
      return exitCodes.done;
    },
  });
  addVerb(state, verbs, {
    usage: 'reset <name>',
    summary: 'forget the place: the next sync reads everything, or one stream, from the start',
    options: [
      new Option('--stream <stream>', 'this stream only, as `state show` names it'),
      new Option('--yes', 'really reset it'),
    ],
    examples: [
      'tidemark state reset orders --yes',
      'tidemark state reset orders --stream shop/orders --yes',
    ],
    act: reset,
  });
  addVerb(state, verbs, {
    usage: 'adopt <name>',
    summary: "take over the destination's tables and its checkpoints as they are, at the next sync",
    examples: ['tidemark state adopt orders'],
    act: async (session, [name = '']) => {
      const client = await session.client();
      await client.editState(
        name,
        { scope: null, state: null, adopt: true, reason: 'tidemark state adopt' },
        onUnpolled(session),
      );
      answer(session, { name, adopt: true }, () => [
        `${name}: the next sync adopts the destination as it is.`,
      ]);
      return exitCodes.done;
    },
  });
}

async function reset(
  session: Session,
  [name = '']: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  const stream = options['stream'];
  const what = typeof stream === 'string' ? `the place of ${stream}` : 'every checkpoint';
  if (options['yes'] !== true) return needsYes(session, `forget ${what} of ${name}`);
  const client = await session.client();
  const scope = typeof stream === 'string' ? scopeOf(await client.status(name), stream) : null;
  const request = { scope, state: null, reason: 'tidemark state reset' };
  await client.editState(name, request, onUnpolled(session));
  answer(session, { name, scope, reset: true }, () => [
    `${name}: ${scope ?? 'every stream'} starts from scratch at the next sync.`,
  ]);
  return exitCodes.done;
}

function scopeOf({ checkpoints }: ConnectionState, stream: string): Scope {
  const scopes = Object.keys(checkpoints) as Scope[];
  const found = scopes.find((scope) => scope === stream);
  if (found !== undefined) return found;
  // A reset of everything edits this scope of every connection.
  const isGlobal = (checkpoints[globalScope]?.state ?? null) !== null;
  throw new SyncError('config_error', 'This stream has no checkpoint of its own.', {
    origin: 'tidemark',
    place: stream,
    remedy: isGlobal
      ? "This source's state covers all streams at once: reset without --stream."
      : suggestion(stream, scopes),
  });
}
