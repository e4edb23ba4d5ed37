import { Option, type Command } from 'commander';
import type { EndName } from '../../protocol/index.ts';
import type { Applied } from '../index.ts';
import { checkConnectionName } from '../connection-file.ts';
import { answer, exitCodes, onUnpolled, remark, type Session } from './io.ts';
import { specToApply } from './targets.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

export function addApply(program: Command, verbs: Verbs): void {
  addVerb(program, verbs, {
    usage: 'apply <file...>',
    summary: 'store connections (new or changed) and their schedules',
    examples: [
      'tidemark apply connections/orders.yaml',
      'tidemark apply orders                 # connections/orders.yaml',
      'tidemark apply connections/*.yaml --json',
      'tidemark apply orders --forget-updates',
    ],
    options: [
      new Option(
        '--forget-updates',
        'drop what connectors changed in their configs, such as rotated tokens: they are given what is applied',
      ),
    ],
    act: apply,
  });
  addVerb(program, verbs, {
    usage: 'delete <name>',
    summary: "forget a connection, its checkpoints and its schedule; the destination's data stays",
    options: [new Option('--yes', 'really delete it')],
    examples: ['tidemark delete orders --yes'],
    act: async (session, [name = ''], options) => {
      checkConnectionName(name);
      if (options['yes'] !== true) return needsYes(session, `forget ${name} and its checkpoints`);
      await (await session.client()).delete(name);
      answer(session, { name, deleted: true }, () => [
        `${name}: deleted. Its data stays; a new connection takes over its tables only after: tidemark state adopt`,
      ]);
      return exitCodes.done;
    },
  });
}

/** For verbs that cannot be undone. */
export function needsYes(session: Session, what: string): number {
  remark(session, `This would ${what}. Nothing was done; say --yes to do it.`);
  return exitCodes.config;
}

/** Reads every file before it applies the first, so that a mistake in the last one changes nothing. */
async function apply(
  session: Session,
  files: readonly (string | undefined)[],
  { forgetUpdates }: Options,
): Promise<number> {
  const specs = [];
  for (const file of files) specs.push(await specToApply(session.io, file ?? ''));
  const client = await session.client();
  for (const spec of specs) {
    const applied = await client.apply(spec, onUnpolled(session));
    const forgotten =
      forgetUpdates === true ? await client.forgetUpdates(spec.name, onUnpolled(session)) : null;
    const told = { name: spec.name, ...applied, ...(forgotten !== null && { forgotten }) };
    answer(session, told, () => [
      `${spec.name}: ${applied.connection}${scheduleText(applied)}${forgottenText(forgotten)}`,
    ]);
  }
  return exitCodes.done;
}

/** null: it was not asked for. */
function forgottenText(forgotten: readonly EndName[] | null): string {
  if (forgotten === null) return '';
  return forgotten.length === 0
    ? ', no config update to forget'
    : `, config updates forgotten: ${forgotten.join(', ')}`;
}

function scheduleText({ schedule }: Applied): string {
  if (schedule === 'none') return '';
  return `, schedule ${schedule}${schedule === 'deleted' ? ' (the file has none)' : ''}`;
}
