import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { entryOf, readConnectorsFile } from '../../worker/connectors-file.ts';
import { refusalOf } from './refusal.ts';

const natives = ['postgres', 'duckdb'];
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-connectors-'));
  path = join(directory, 'connectors.yaml');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function read(text: string) {
  writeFileSync(path, text);
  // Another working directory: the file's own counts.
  return readConnectorsFile(path, natives, '/');
}

test('without a file there are the native connectors, with nothing to reveal or touch', () => {
  const file = readConnectorsFile(null, natives, '/work');
  expect([...file.entries.keys()]).toEqual(natives);
  expect(file.directories).toEqual([]);
  expect(file.entries.get('postgres')!.secrets.env.size).toBe(0);
});

test('every kind of entry is read, with paths from the file on', () => {
  const { entries, directories } = read(`
connectors:
  birds: { kind: source, runner: pypi, package: airbyte-source-x==0.0.48, command: [source-declarative-manifest] }
  mine: { kind: source, runner: exec, command: [node, ./my.js, 8], secrets: [API_TOKEN, ./token], env: [HTTPS_PROXY] }
  faker: { kind: source, runner: docker, image: airbyte/source-faker:6.2.21 }
  lake: { kind: destination, runner: docker, image: "registry.internal:5000/a/b@sha256:${'0f'.repeat(32)}", network: host, memory: 512m, cpus: 0.5 }
  postgres: { secrets: [SHOP_URL] }
directories: [., /data]
`);
  expect([...entries.keys()]).toEqual(['postgres', 'duckdb', 'birds', 'mine', 'faker', 'lake']);
  expect(entries.get('faker')).toMatchObject({
    runner: 'docker',
    container: { image: 'airbyte/source-faker:6.2.21', network: null, memory: '2g', cpus: '2' },
  });
  expect(entries.get('lake')!.container).toEqual({
    image: `registry.internal:5000/a/b@sha256:${'0f'.repeat(32)}`,
    network: 'host',
    memory: '512m',
    cpus: '0.5',
  });
  expect(entries.get('mine')!.container).toBe(null);
  expect(entries.get('birds')).toMatchObject({
    kind: 'source',
    runner: 'pypi',
    package: 'airbyte-source-x==0.0.48',
    command: ['source-declarative-manifest'],
  });
  const mine = entries.get('mine')!;
  expect(mine).toMatchObject({
    runner: 'exec',
    command: ['node', './my.js', '8'],
    env: ['HTTPS_PROXY'],
  });
  expect([...mine.secrets.env]).toEqual([['API_TOKEN', []]]);
  expect([...mine.secrets.files]).toEqual([[join(directory, 'token'), []]]);
  expect(entries.get('postgres')).toMatchObject({ runner: 'native', kind: null });
  expect(directories).toEqual([directory, '/data']);
});

test('a native connector may be let act with the worker’s own credentials, also with certain values only', () => {
  const ambientIn = (credentials: string) =>
    read(`connectors: { postgres: { credentials: ${credentials} } }`).entries.get('postgres')!
      .ambient;
  expect(ambientIn('[]')).toBeNull();
  expect(ambientIn('[ambient]')).toEqual([]);
  const bound = '{ name: ambient, only_with: { bucket: lake } }';
  const binding = [{ path: ['bucket'], text: 'lake' }];
  expect(ambientIn(`[${bound}]`)).toEqual([binding]);
  expect(ambientIn(`[${bound}, ambient]`)).toEqual([]);
  expect(refusalOf(() => ambientIn('[mine]')).remedy).toContain('ambient');
  const exec = 'kind: source, runner: exec, command: [x], credentials: [ambient]';
  expect(refusalOf(() => read(`connectors: { mine: { ${exec} } }`)).message).toContain(
    'does not take',
  );
});

test('a secret may be bound to values of the config, also in more ways than one', () => {
  const { entries } = read(`
connectors:
  postgres:
    secrets:
      - URL
      - { name: PASSWORD, only_with: { host: db.internal, port: 5432, url: null } }
      - { name: PASSWORD, only_with: { host: "replica.internal" } }
      - { name: ./key, only_with: { tunnel: { host: bastion, "strict": true } } }
`);
  const { env, files } = entries.get('postgres')!.secrets;
  expect(Object.fromEntries(env)).toEqual({
    URL: [],
    PASSWORD: [
      [
        { path: ['host'], text: 'db.internal' },
        { path: ['port'], text: '5432' },
        { path: ['url'], text: null },
      ],
      [{ path: ['host'], text: 'replica.internal' }],
    ],
  });
  expect(files.get(join(directory, 'key'))).toEqual([
    [
      { path: ['tunnel', 'host'], text: 'bastion' },
      { path: ['tunnel', 'strict'], text: 'true' },
    ],
  ]);
});

test('an empty file and empty sections are fine', () => {
  expect(read('').entries.size).toBe(2);
  expect(read('connectors:\ndirectories:\n').entries.size).toBe(2);
});

test.each<readonly [string, string, string, string]>([
  ['conectors: {}', '1:1', 'unknown key', 'Did you mean connectors?'],
  [
    'connectors:\n  a: { kind: source, runner: exec, comand: [x] }',
    '2:36',
    'unknown key',
    'Did you mean command?',
  ],
  [
    'connectors:\n  a: { kind: source, runner: shell, command: [x] }',
    '2:30',
    'not allowed',
    'exec, pypi, docker',
  ],
  [
    'connectors:\n  a: { kind: both, runner: exec, command: [x] }',
    '2:14',
    'not allowed',
    'source, destination',
  ],
  ['connectors:\n  a: { runner: exec, command: [x] }', '2:6', 'lacks its kind', 'kind: source'],
  [
    'connectors:\n  postgers: { secrets: [A] }',
    '2:13',
    'lacks its runner',
    'Did you mean postgres?',
  ],
  [
    'connectors:\n  postgres: { kind: source, runner: exec, command: [x] }',
    '2:37',
    'name of a native',
    'another name',
  ],
  ['connectors:\n  postgres: { command: [x] }', '2:24', 'does not take', 'Remove command'],
  ['connectors:\n  a: { kind: source, runner: exec }', '2:6', 'lacks its command', 'command: ['],
  [
    'connectors:\n  a: { kind: source, runner: exec, command: [] }',
    '2:45',
    'lacks its command',
    'command: [',
  ],
  [
    'connectors:\n  a: { kind: source, runner: exec, command: "rm -rf /" }',
    '2:45',
    'wrong kind',
    'a list',
  ],
  [
    'connectors:\n  a: { kind: source, runner: exec, command: [x], package: y }',
    '2:59',
    'does not take',
    'Remove package',
  ],
  ['connectors:\n  a: { kind: source, runner: pypi }', '2:6', 'lacks its package', 'package:'],
  ['connectors:\n  a: { kind: source, runner: pypi, package: 3 }', '2:45', 'wrong kind', 'a text'],
  ['connectors:\n  a: { kind: source, runner: docker }', '2:6', 'lacks its image', 'image:'],
  ...['x/y', 'x/y:latest', 'localhost:5000/y'].map(
    (image) =>
      [
        `connectors:\n  a: { kind: source, runner: docker, image: "${image}" }`,
        '2:45',
        'without an exact version',
        'a tag other than latest',
      ] as const,
  ),
  ...['--privileged:1', 'x/Y:1', 'x y:1', 'x/y:1@sha256:12'].map(
    (image) =>
      [
        `connectors:\n  a: { kind: source, runner: docker, image: "${image}" }`,
        '2:45',
        'image that is not allowed',
        'Name one',
      ] as const,
  ),
  ...['memory: 0', 'memory: 2gb', 'cpus: 0', 'cpus: many', 'network: --x', 'network: a b'].map(
    (setting) =>
      [
        `connectors:\n  a: { kind: source, runner: docker, image: "x:1", ${setting} }`,
        '2:',
        'not allowed',
        setting.split(':')[0]!,
      ] as const,
  ),
  [
    'connectors:\n  a: { kind: source, runner: docker, image: "x:1", command: [y] }',
    '2:61',
    'does not take',
    'Remove command',
  ],
  ['connectors:\n  postgres: { secrets: ["${env:A}"] }', '2:25', 'as a reference', 'bare name'],
  [
    'connectors:\n  postgres: { secrets: [{ name: A, only_wiht: { host: x } }] }',
    '2:36',
    'unknown key',
    'Did you mean only_with?',
  ],
  ['connectors:\n  postgres: { secrets: [{ name: A }] }', '2:25', 'bound to nothing', 'only_with'],
  [
    'connectors:\n  postgres: { secrets: [{ name: A, only_with: {} }] }',
    '2:25',
    'bound to nothing',
    'only_with',
  ],
  [
    'connectors:\n  postgres: { secrets: [{ only_with: { host: x } }] }',
    '2:25',
    'lacks its name',
    'name: ',
  ],
  [
    'connectors:\n  postgres: { secrets: [{ name: A, only_with: { host: [x, y] } }] }',
    '2:55',
    'wrong kind',
    'one value',
  ],
  [
    'connectors:\n  postgres: { secrets: [{ name: A, only_with: { host: x } }, A] }',
    '2:62',
    'bound and unbound',
    'Remove one',
  ],
  [
    'connectors:\n  a: { kind: source, runner: exec, command: [x], env: [A=1] }',
    '2:56',
    'not allowed',
    'names only',
  ],
  [
    'connectors:\n  a/b: { kind: source, runner: exec, command: [x] }',
    '2:8',
    'name that is not allowed',
    'letters',
  ],
  ['connectors: [a]', '1:13', 'wrong kind', 'a mapping'],
  ['directories: ./data', '1:14', 'wrong kind', 'a list'],
  ['connectors:\n  a: {}\n  a: {}', '3:3', 'not valid YAML', 'Correct'],
  ['connectors:\n\t- a', '2:1', 'not valid YAML', 'Correct'],
])('%j is refused at %s', (text, at, message, remedy) => {
  const error = refusalOf(() => read(text));
  expect(error.place).toContain(`${path}:${at}`);
  expect(error.message).toContain(message);
  expect(error.remedy).toContain(remedy);
});

test('a file that cannot be read is refused by its name', () => {
  const error = refusalOf(() => readConnectorsFile(join(directory, 'gone.yaml'), natives, '/'));
  expect(error.place).toContain('gone.yaml (ENOENT)');
});

test('an unknown connector is refused with the names there are and the file to edit', () => {
  const file = read('connectors:\n  mine: { kind: source, runner: exec, command: [x] }');
  const error = refusalOf(() => entryOf(file, 'postgress', 'source'));
  expect(error.origin).toBe('source');
  expect(error.remedy).toContain(path);
  expect(error.remedy).toContain('duckdb, mine, postgres');
  expect(error.remedy).toContain('Did you mean postgres?');
});
