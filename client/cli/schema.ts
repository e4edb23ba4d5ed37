import { Option, type Command } from 'commander';
import {
  schemaSince,
  schemaText,
  unfilledSince,
  unfilledText,
  type UnfilledStream,
} from '../../protocol/index.ts';
import type { Backfill } from '../index.ts';
import { checkConnectionName } from '../connection-file.ts';
import { clean } from './format.ts';
import { answer, exitCodes, onUnpolled, type Session } from './io.ts';
import { detachOption } from './refresh.ts';
import { streamsText } from './render-status.ts';
import { streamsNamed } from './stream-names.ts';
import { runSync } from './sync.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

export function addSchema(program: Command, verbs: Verbs): void {
  const schema = program.command('schema').description('what the source of a connection offers');
  addVerb(schema, verbs, {
    usage: 'show <name>',
    summary: 'what the last sync found changed at the source, and which columns old rows lack',
    examples: ['tidemark schema show orders'],
    act: show,
  });
  addVerb(schema, verbs, {
    usage: 'accept <name>',
    summary: 'take over, at the next sync, the changes of the source that the last sync found',
    examples: ['tidemark schema accept orders'],
    act: async (session, [name = '']) => {
      const client = await session.client();
      const changes = await client.acceptSchema(name, onUnpolled(session));
      answer(session, { name, accepted: changes }, () => [
        `${name}: accepted for the next sync.`,
        ...schemaText(changes).slice(1).map(clean),
      ]);
      return exitCodes.done;
    },
  });
  addVerb(schema, verbs, {
    usage: 'backfill <name> [stream...]',
    summary:
      'read streams again that gained columns, so that old rows get their values; they merge by their key',
    options: [new Option('--no-sync', 'leave it to the next sync'), detachOption],
    examples: [
      'tidemark schema backfill orders',
      'tidemark schema backfill orders items --no-sync',
    ],
    act: backfill,
  });
}

async function show(
  session: Session,
  [name = '']: readonly (string | undefined)[],
): Promise<number> {
  const { history } = await (await session.client()).status(name);
  const changes = schemaSince(history) ?? null;
  const unfilled = unfilledSince(history);
  answer(session, { name, changes, unfilled }, () =>
    [
      `${name}:`,
      ...(changes === null ? ['the last sync found no change of the source'] : schemaText(changes)),
      ...(unfilled === null ? ['no column is known that old rows lack'] : unfilledText(unfilled)),
    ].map(clean),
  );
  return exitCodes.done;
}

async function backfill(
  session: Session,
  [name = '', ...given]: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  checkConnectionName(name);
  const client = await session.client();
  const names = given.filter((one) => one !== undefined);
  const streams = names.length === 0 ? null : await streamsNamed(session, client, name, names);
  const done = await client.backfill(name, streams, onUnpolled(session));
  answer(session, { type: 'marked', connection: name, ...done }, () => backfillLines(name, done));
  if (options['sync'] === false) return exitCodes.done;
  return runSync(session, client, name, options['detach'] === true);
}

function backfillLines(
  name: string,
  { marked, pending, duplicating }: Backfill,
): readonly string[] {
  const line = (streams: readonly UnfilledStream[], told: string): readonly string[] =>
    streams.length === 0
      ? []
      : [clean(`${name}: ${streamsText(streams.map(({ stream }) => stream))}: ${told}`)];
  return [
    ...line(marked, 'to be read again from scratch by the next sync; the rows merge by their key.'),
    ...line(pending, 'the next sync reads them again already.'),
    ...line(
      duplicating,
      `left alone, since their rows would be there twice. In the place of the old: tidemark refresh ${name} <stream>.`,
    ),
  ];
}
