import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grant, lackingIn, lackingLines, type Needs } from '../../client/connectors-grants.ts';
import { readConnectorsFile } from '../../worker/connectors-file.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-grants-'));
  file = join(directory, 'connectors.yaml');
  await mkdir(join(directory, 'data/in'), { recursive: true });
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const pathsOnly = (...paths: readonly string[]): Needs => ({ secrets: [], paths });

test.each([
  [['./data'], ['./data']],
  [['data/orders.duckdb'], ['./data']],
  [['./data', './x.duckdb'], ['.']],
  [['./data/in', './data/in/x.duckdb'], ['./data/in']],
  [['/somewhere/x.duckdb'], ['/somewhere']],
  [['./.hidden/x.duckdb'], ['./.hidden']],
])('%j needs %j and no more', async (paths, directories) => {
  expect((await lackingIn(file, pathsOnly(...paths))).directories).toEqual(directories);
});

test('what is listed is not lacking', async () => {
  await writeFile(
    file,
    'connectors:\n  postgres: { secrets: [A, { name: B, only_with: { host: x } }] }\ndirectories: [data]\n',
  );
  const secrets = ['A', 'B', 'C'].map((variable) => ({ connector: 'postgres', variable }));
  expect(await lackingIn(file, { secrets, paths: ['./data/in', './database'] })).toEqual({
    secrets: [{ connector: 'postgres', variable: 'C' }],
    directories: ['.'],
  });
});

test.each([
  ['no file', null],
  ['an empty one', ''],
  ['an entry without settings', '# mine\nconnectors:\n  postgres:\n'],
  ['lists that are there', '# mine\nconnectors:\n  postgres: { secrets: [A] }\ndirectories: [x]\n'],
])('a grant is what the worker reads, comments stay: %s', async (_, text) => {
  if (text !== null) await writeFile(file, text);
  const secrets = [
    { connector: 'postgres', variable: 'URL' },
    { connector: 'postgres', variable: 'MORE' },
  ];
  const needs = { secrets, paths: ['./data'] };
  const lacking = await lackingIn(file, needs);
  expect(lackingLines(lacking)).toEqual([
    'connectors:',
    '  postgres: { secrets: [URL, MORE] }',
    'directories: [./data]',
  ]);
  await grant(file, lacking);
  const read = readConnectorsFile(file, ['postgres'], directory);
  expect([...read.entries.get('postgres')!.secrets.env.keys()]).toEqual(
    expect.arrayContaining(['URL', 'MORE']),
  );
  expect(read.directories).toContain(join(directory, 'data'));
  if (text?.includes('#') === true) expect(await readFile(file, 'utf8')).toContain('# mine');
  expect(await lackingIn(file, needs)).toEqual({ secrets: [], directories: [] });
});

test('a place that holds something else is named', async () => {
  await writeFile(file, 'directories: all\n');
  await expect(grant(file, { secrets: [], directories: ['.'] })).rejects.toMatchObject({
    kind: 'config_error',
    place: `${file}: directories`,
  });
});
