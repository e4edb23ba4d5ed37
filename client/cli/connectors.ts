import { Option, type Command } from 'commander';
import { resolve } from 'node:path';
import { addToConnectorsFile } from '../connectors-file.ts';
import { table } from './format.ts';
import { answer, exitCodes, onUnpolled, type Session } from './io.ts';
import { addVerb, type Options, type Verbs } from './verb.ts';

const fileDefault = 'connectors.yaml';

export function addConnectors(program: Command, verbs: Verbs): void {
  const connectors = program
    .command('connectors')
    .description('see and add what the workers may run');
  addVerb(connectors, verbs, {
    usage: 'list',
    summary: 'list the connectors of the workers',
    examples: ['tidemark connectors list'],
    act: async (session) => {
      const all = await (await session.client()).connectors(onUnpolled(session));
      answer(session, all, () =>
        table(
          ['NAME', 'KIND', 'RUNNER', 'DETAIL'],
          all.map(({ name, kind, runner, detail }) => [name, kind, runner, detail]),
        ),
      );
      return exitCodes.done;
    },
  });
  addVerb(connectors, verbs, {
    usage: 'spec <connector>',
    summary: "print a connector's spec: the JSON Schema of its config",
    examples: ['tidemark connectors spec postgres'],
    act: async (session, [connector = '']) => {
      const spec = await (await session.client()).connectorSpec(connector, onUnpolled(session));
      answer(session, spec, () => [JSON.stringify(spec, null, 2)]);
      return exitCodes.done;
    },
  });
  addVerb(connectors, verbs, {
    usage: 'add <name>',
    summary: "name a connector in a worker's connectors.yaml, keeping its comments",
    options: [
      new Option('--kind <kind>', 'which end it is')
        .choices(['source', 'destination'])
        .makeOptionMandatory(),
      new Option('--runner <runner>', 'how it runs')
        .choices(['exec', 'pypi', 'docker'])
        .makeOptionMandatory(),
      new Option('--package <package>', 'pypi: name==version'),
      new Option('--image <image>', 'docker: name:tag'),
      new Option('--command <words>', 'the program and its arguments, split at spaces'),
      new Option('--file <path>', "the worker's file").default(fileDefault),
    ],
    examples: [
      'tidemark connectors add faker --kind source --runner pypi --package airbyte-source-faker==6.2.21',
      'tidemark connectors add lake --kind destination --runner pypi --package airbyte-destination-ailake==0.1.16 --command airbyte-destination-ailake',
      'tidemark connectors add faker --kind source --runner docker --image airbyte/source-faker:6.2.21',
      'tidemark connectors add mine --kind source --runner exec --command "node ./mine.js"',
    ],
    act: add,
  });
}

async function add(
  session: Session,
  [name = '']: readonly (string | undefined)[],
  options: Options,
): Promise<number> {
  const text = (key: string): string | undefined => {
    const value = options[key];
    return typeof value === 'string' ? value : undefined;
  };
  const file = text('file') ?? fileDefault;
  const packageName = text('package');
  const image = text('image');
  const command = text('command')?.trim().split(/\s+/);
  const entry = {
    kind: text('kind') ?? '',
    runner: text('runner') ?? '',
    ...(packageName !== undefined && { package: packageName }),
    ...(image !== undefined && { image }),
    ...(command !== undefined && { command }),
  };
  await addToConnectorsFile(resolve(session.io.directory, file), name, entry);
  answer(session, { file, name, ...entry }, () => [
    `${name}: added to ${file}. Workers read it when they start.`,
  ]);
  return exitCodes.done;
}
