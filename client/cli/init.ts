import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { SyncError } from '../../protocol/index.ts';
import { checkConnectionName, parseConnection } from '../connection-file.ts';
import { connectionText, type EndText } from '../init/connection-text.ts';
import { givenBy } from '../init/given.ts';
import type { Asker } from '../init/interview.ts';
import { needsOf } from '../init/needs.ts';
import { isInterval } from '../schedule-file.ts';
import { endOf } from './init-ends.ts';
import { grantNeeds } from './init-grants.ts';
import { answer, exitCodes, remark, type Session } from './io.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

const everyTriesMax = 3;

export function addInit(program: Command, verbs: Verbs): void {
  const grantsFile = verbs.io.environment['TIDEMARK_CONNECTORS'] || 'connectors.yaml';
  addVerb(program, verbs, {
    usage: 'init [name]',
    summary: "write connections/<name>.yaml from the connectors' specs, asking what they need",
    options: [
      new Option('--source <connector>', 'see: tidemark connectors list'),
      new Option('--destination <connector>', 'see: tidemark connectors list'),
      new Option(
        '--set <end.key=value>',
        'a setting; may be repeated. A secret: the NAME of a variable',
      )
        .default([])
        .argParser((one: string, before: readonly string[]) => [...before, one]),
      new Option('--every <interval>', 'sync so often, e.g. 15m, 1h'),
      new Option('--yes', "ask only for what is required; add to the worker's connectors.yaml"),
      new Option('--force', 'overwrite the file'),
      new Option('--connectors-file <path>', "the worker's file").default(grantsFile),
    ],
    examples: [
      'tidemark init',
      'tidemark init mine --source files --destination duckdb --set source.path=./data --set destination.path=./mine.duckdb --every 15m --yes',
      'tidemark init shop --source my-source --destination postgres --set source.token=API_TOKEN --set destination.url=SHOP_URL --yes',
    ],
    act: init,
  });
}

async function init(
  session: Session,
  [named]: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  const given = givenBy(options['set'] as readonly string[]);
  const asker = askerOf(session, options);
  // Before any question: a name that is taken would make the answers worthless.
  if (named !== undefined) refuseTaken(session, checkConnectionName(named), options);
  const client = await session.client();
  const source = await endOf({ session, client, end: 'source', given, options, asker });
  const destination = await endOf({ session, client, end: 'destination', given, options, asker });
  const name = named ?? (await nameOf(source, destination, asker));
  refuseTaken(session, name, options);
  const every = typeof options['every'] === 'string' ? options['every'] : await everyOf(asker);
  const file = fileOf(name);
  const text = connectionText({ name, source, destination, every });
  // What cannot be applied is not written.
  parseConnection(text, file);
  await write(session, file, text);
  const needs = needsOf([source, destination]);
  const granted = await grantNeeds(session, needs, options, asker);
  const next = [
    ...(granted.isAdded
      ? [
          'restart the worker (tidemark dev, or tidemark worker): it reads connectors.yaml when it starts',
        ]
      : []),
    ...['apply', 'check', 'sync'].map((verb) => `tidemark ${verb} ${name}`),
  ];
  answer(session, { name, file, lacking: granted.lacking, granted: granted.isAdded, next }, () => [
    `${file}: written.`,
    ...granted.lines,
    'Next:',
    ...next.map((line) => `  ${line}`),
  ]);
  return exitCodes.done;
}

function askerOf(session: Session, options: Options): Asker {
  const { ask } = session.io;
  return {
    ask,
    say: (line) => remark(session, line),
    offersOptional: ask !== null && options['yes'] !== true,
  };
}

async function nameOf(source: EndText, destination: EndText, { ask }: Asker): Promise<string> {
  const byDefault = `${source.connector}-to-${destination.connector}`
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-');
  const typed = await ask?.(`Name of the connection (${byDefault}): `);
  return checkConnectionName(typed?.trim() || byDefault);
}

async function everyOf({ ask, say, offersOptional }: Asker): Promise<string | null> {
  if (!offersOptional || ask === null) return null;
  for (let i = 0; i < everyTriesMax; i += 1) {
    const typed = (await ask('Sync how often, e.g. 15m, 1h (Enter: only when told to): ')).trim();
    if (typed === '') return null;
    if (isInterval(typed)) return typed;
    say('  This is not an interval of at least 1s.');
  }
  say('  Left out: write the schedule in the file.');
  return null;
}

const fileOf = (name: string): string => join('connections', `${name}.yaml`);

function refuseTaken({ io }: Session, name: string, options: Options): void {
  const file = fileOf(name);
  if (options['force'] === true || !existsSync(resolve(io.directory, file))) return;
  throw new SyncError('config_error', 'There is a connection file of this name.', {
    origin: 'tidemark',
    place: file,
    remedy: 'Choose another name, or say --force to overwrite it.',
  });
}

async function write({ io }: Session, file: string, text: string): Promise<void> {
  const path = resolve(io.directory, file);
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  } catch (cause) {
    throw new SyncError('config_error', 'The connection file cannot be written.', {
      origin: 'tidemark',
      place: `${file} (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`,
      remedy: 'Correct the rights of its directory.',
      cause,
    });
  }
}
