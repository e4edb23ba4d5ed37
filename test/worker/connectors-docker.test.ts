import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import type { Item } from '../../protocol/index.ts';
import { loadConfig } from '../../worker/config.ts';
import { readConnectorsFile } from '../../worker/connectors-file.ts';
import { createPrograms, type Programs } from '../../worker/programs.ts';
import { createRedactor } from '../../worker/redact.ts';
import { createConnectors } from '../../worker/registry.ts';
import { block, catalogOf, configured, end, id, streamState } from '../support/items.ts';
import { built } from './built.ts';
import { alive, eventually } from './eventually.ts';
import { readInput } from './fake-connector.ts';
import { writeInput } from './fake-destination.ts';
import { fakeDocker, type FakeDocker } from './fake-docker.ts';

/** What is in the image. */
const script = `
const { readFileSync, writeFileSync } = require('node:fs');
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const [verb] = process.argv.slice(2);
const at = process.argv.indexOf('--config');
const config = at < 0 ? {} : JSON.parse(readFileSync(process.argv[at + 1], 'utf8'));
if (verb === 'spec')
  say({ type: 'SPEC', spec: { connectionSpecification: { type: 'object',
    properties: { token: { type: 'string', airbyte_secret: true }, mode: { type: 'string' } } } } });
if (verb === 'check')
  say({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'FAILED',
    message: JSON.stringify({ env: process.env, given: config.token }) } });
if (verb === 'read' && config.mode === 'killed') process.kill(process.pid, 'SIGKILL');
if (verb === 'read' && config.mode === 'forever') {
  process.on('SIGTERM', () => {});
  writeFileSync('pid', String(process.pid));
  setInterval(() => {}, 1000);
}
if (verb === 'read') say({ type: 'RECORD', record: { stream: 's', data: { a: 1 }, emitted_at: 1 } });
if (verb === 'write') {
  const lines = require('node:readline').createInterface({ input: process.stdin });
  lines.on('line', (line) => { if (JSON.parse(line).type === 'STATE') console.log(line); });
}
`;

const image = 'airbyte/source-faker:6.2.21';
const log = { connection: 'orders', syncNo: 3 };
const signal = new AbortController().signal;
let directory: string;
let docker: FakeDocker;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'tidemark-docker-')));
  writeFileSync(join(directory, 'connector.cjs'), script);
  docker = fakeDocker(directory, join(directory, 'connector.cjs'));
  writeFileSync(
    join(directory, 'connectors.yaml'),
    `connectors:
  faker: { kind: source, runner: docker, image: ${image}, secrets: [API_TOKEN], env: [ALLOWED, ABSENT] }
  small: { kind: source, runner: docker, image: ${image}, memory: 512m, cpus: 0.5, network: host }
  lake: { kind: destination, runner: docker, image: ${image} }
`,
  );
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function setup(more: Record<string, string> = {}) {
  const environment = {
    PATH: [docker.bin, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    HOME: directory,
    ...{ API_TOKEN: 'hunter22', ALLOWED: 'yes=1\nand more', WORKER_ONLY: 'no' },
    DOCKER_CONTEXT: 'default',
    TIDEMARK_STATE_DIR: join(directory, 'state'),
    TEMPORAL_CONFIG_FILE: '/no/such/file.toml',
    ...more,
  };
  const config = loadConfig(environment, directory);
  const file = readConnectorsFile(config.connectorsFile, [], directory);
  const redactor = createRedactor();
  const programs: Programs = createPrograms({ config, file, redactor });
  const { keys } = config;
  const deps = { file, natives: {}, protocol: programs, environment, redactor, keys };
  return { programs, connectors: createConnectors(deps) };
}
const privateRoot = (): string => join(directory, 'state', 'private');
const left = (): readonly string[] => (existsSync(privateRoot()) ? readdirSync(privateRoot()) : []);
const faker = { connector: 'faker', config: { token: '${env:API_TOKEN}' } };

async function readAll(connector: string, config = {}): Promise<readonly Item[]> {
  const opened = await setup().connectors.openSource({ connector, config }, log, signal, null);
  const items: Item[] = [];
  for await (const item of opened.source.read(readInput(opened.config).input)) items.push(item);
  return items;
}

/** The options of a \`docker run\`, with their values; what follows the image is \`args\`. */
function runOf(verb: string) {
  const argv = docker.calls('run').find((call) => call.argv.includes(verb))!.argv;
  const at = argv.indexOf(image);
  const valuesOf = (option: string): readonly string[] =>
    argv.slice(0, at).flatMap((word, n) => (word === option ? [argv[n + 1]!] : []));
  return { argv, valuesOf, args: argv.slice(at + 1) };
}

test('an image is pulled once, and runs with what its entry allows and nothing else', async () => {
  const { connectors } = setup();
  const { source, config } = await connectors.openSource(faker, log, signal, null);
  const error: unknown = await source.check(config, signal).catch((e: unknown) => e);
  const { message } = error as Error;
  expect(JSON.parse(message)).toEqual({
    given: '****',
    env: expect.objectContaining({ ALLOWED: 'yes=1\nand more', HOME: '/tmp' }) as unknown,
  });
  expect(message).not.toMatch(/WORKER_ONLY|TIDEMARK|DOCKER|API_TOKEN|hunter22/);
  expect(docker.calls('pull')).toHaveLength(1);
  const told = await connectors.logs('probe', 20);
  expect(told).toContain('6.2.21: Pulling from airbyte/source-faker');
  expect(told).toContain(`Pulled ${image}`);
  expect(told).not.toContain('seccomp');

  const { argv, valuesOf, args } = runOf('check');
  const [name] = valuesOf('--name');
  const path = join(privateRoot(), name!.replace('tidemark-', ''));
  expect(args).toEqual(['check', '--config', join(path, 'config.json')]);
  expect(valuesOf('--mount')).toEqual([`type=bind,source=${path},target=${path},readonly`]);
  expect(valuesOf('--user')).toEqual([`${process.getuid!()}:${process.getgid!()}`]);
  expect(valuesOf('--cap-drop')).toEqual(['ALL']);
  expect(valuesOf('--security-opt')).toEqual(['no-new-privileges']);
  expect(valuesOf('--log-driver')).toEqual(['none']);
  expect(valuesOf('--memory')).toEqual(['2g']);
  expect(valuesOf('--memory-swap')).toEqual(['2g']);
  expect(valuesOf('--cpus')).toEqual(['2']);
  expect(valuesOf('--network')).toEqual([]);
  expect(valuesOf('--env')).toEqual(['HOME=/tmp', 'ALLOWED']);
  expect(argv).toEqual(expect.arrayContaining(['--rm', '--init']));
  expect(argv).not.toContain('--interactive');
  // Everybody sees a command line.
  for (const verb of ['run', 'rm', 'pull', 'image', 'info'])
    expect(JSON.stringify(docker.calls(verb))).not.toMatch(/hunter22|yes=1/);
  const [call] = docker.calls('run');
  expect(call!.env).toContain('DOCKER_CONTEXT');
  expect(call!.env).not.toContain('API_TOKEN');
  expect(left()).toEqual([]);
  await eventually('its container is asked for by name', () =>
    docker.calls('rm').some((rm) => rm.argv.at(-1) === name),
  );
});

test('limits and the network are those of its entry', async () => {
  expect((await readAll('small')).map(({ type }) => type)).toEqual(['BLOCK', 'END']);
  const { valuesOf } = runOf('read');
  expect(valuesOf('--memory')).toEqual(['512m']);
  expect(valuesOf('--cpus')).toEqual(['0.5']);
  expect(valuesOf('--network')).toEqual(['host']);
});

test('a destination is given its input', async () => {
  const { connectors } = setup();
  const ref = { connector: 'lake', config: {} };
  const { destination, config } = await connectors.openDestination(ref, log, signal, null);
  const stream = id('s');
  const { input } = writeInput({ config }, catalogOf(configured(stream)));
  const writer = await destination.open(input);
  const echoes: unknown[] = [];
  const items = [block(stream, 1, 2), streamState(stream, 7), end()];
  for await (const echo of writer.write(Readable.from(items))) echoes.push(echo);
  await writer.close();
  expect(echoes).toMatchObject([{ checkpoint: { scope: 's', records: 2 } }]);
  const { argv, valuesOf } = runOf('write');
  expect(argv).toContain('--interactive');
  expect(valuesOf('--env')).toEqual(['HOME=/tmp', 'PYTHONUNBUFFERED=1']);
});

test.each([
  ['rootless docker', 'docker', '["name=rootless"]', ['--user', '0:0']],
  ['remapped users', 'docker', '["name=userns"]', ['--userns', 'host', '--user', 'own']],
  ['rootless podman', 'podman', 'rootless=true', ['--userns', 'keep-id', '--user', 'own']],
  ['podman', 'podman', 'rootless=false', ['--user', 'own']],
])('the private files can be read in it: %s', async (_, version, info, expected) => {
  docker.set('version', `${version} version 5.0.0`);
  docker.set('info', info);
  await readAll('small');
  const own = `${process.getuid!()}:${process.getgid!()}`;
  const { argv } = runOf('read');
  const at = argv.findIndex((word) => word.startsWith('--user'));
  const words = expected.map((word) => (word === 'own' ? own : word));
  expect(argv.slice(at, at + words.length)).toEqual(words);
});

test.each([
  ['no such image', 'pull-fails', 'manifest unknown', 'config_error', image],
  ['no rights at the registry', 'pull-fails', 'pull access denied', 'config_error', image],
  ['no registry', 'pull-fails', 'dial tcp: i/o timeout', 'transient_error', image],
  ['no daemon', 'down', 'Cannot connect to the Docker daemon', 'transient_error', 'docker'],
  ['no rights at the daemon', 'down', 'permission denied', 'config_error', 'docker'],
])('%s is told', async (_, name, text, kind, place) => {
  docker.set(name, text);
  const opened = setup().connectors.openSource(faker, log, signal, null);
  await expect(opened).rejects.toMatchObject({
    ...{ kind, origin: 'source' },
    place: expect.stringContaining(place) as string,
    remedy: expect.stringContaining(text) as string,
  });
});

test('without docker the worker says what to install or to use', async () => {
  const { connectors } = setup({ TIDEMARK_DOCKER: 'podman' });
  await expect(connectors.openSource(faker, log, signal, null)).rejects.toMatchObject({
    kind: 'config_error',
    place: 'faker: podman',
    remedy: expect.stringMatching(/Install Docker.*pypi, or exec/s) as string,
  });
});

test('an exit code of docker is told as what it is', async () => {
  const oom = (await readAll('small', { mode: 'killed' })).at(-1);
  expect(oom).toMatchObject({
    failure: { message: 'The container of the source was killed.' },
  });
  expect(JSON.stringify(oom)).toContain('512m');
  docker.set('run-fails', 'network shop not found.');
  const opened = setup().connectors.openSource(faker, log, signal, null);
  await expect(opened).rejects.toMatchObject({
    kind: 'system_error',
    message: 'The container of a connector could not be started.',
    remedy: expect.stringContaining('network shop not found') as string,
  });
});

test('an abort ends the container, not only the program that waits for it', async () => {
  const { connectors } = setup();
  const ref = { connector: 'faker', config: { mode: 'forever' } };
  const { source, config } = await connectors.openSource(ref, log, signal, null);
  const read = readInput(config);
  const reading = (async () => {
    for await (const item of source.read(read.input)) if (item.type === 'BLOCK') item.release();
  })();
  const pidFile = join(directory, 'engine', 'pid');
  await eventually('it runs', () => existsSync(pidFile));
  const pid = Number(readFileSync(pidFile, 'utf8'));
  read.abort.abort();
  await reading;
  await eventually('it is gone', () => !alive(pid) && docker.containers().length === 0);
});

test('a container dies with a worker that is killed', async () => {
  const worker = join(directory, 'worker.mjs');
  const launch = {
    argv: [join(docker.bin, 'docker'), 'run', '--name', 'tidemark-x', image, 'read'],
    epilogue: [join(docker.bin, 'docker'), 'rm', '--force', 'tidemark-x'],
  };
  writeFileSync(join(directory, 'forever.json'), '{"mode":"forever"}');
  writeFileSync(
    worker,
    `import { startSession } from ${JSON.stringify(built('worker/runners/session.js'))};
     startSession({
       command: () => (${JSON.stringify(launch)}),
       cwd: ${JSON.stringify(directory)}, env: { PATH: process.env.PATH }, label: 'x', end: 'source',
       stateDir: ${JSON.stringify(join(directory, 'private'))}, log: () => {}, redact: (text) => text,
     }, () => ['--config', ${JSON.stringify(join(directory, 'forever.json'))}]);
     setInterval(() => {}, 1000);`,
  );
  writeFileSync(join(directory, 'engine', 'images', image.replaceAll('/', '+')), '');
  const parent = spawn(process.execPath, [worker], { stdio: 'inherit' });
  const pidFile = join(directory, 'engine', 'pid');
  await eventually('the container runs', () => existsSync(pidFile));
  const pid = Number(readFileSync(pidFile, 'utf8'));
  parent.kill('SIGKILL');
  await eventually('it is gone', () => !alive(pid) && docker.containers().length === 0);
});

test('a worker that starts removes containers of dead ones, and no others', async () => {
  const host = hostname().replace(/[^A-Za-z0-9]/g, '_');
  const name = (of: string, pid: number): string => `tidemark-${of}-${pid}-1-0123456789abcdef`;
  const deadPid = 2 ** 22 + 1;
  const label = `tidemark.root=${privateRoot()}`;
  docker.addContainer(name(host, deadPid), label);
  docker.addContainer(name('elsewhere', deadPid), label);
  docker.addContainer(name(host, deadPid + 1), 'tidemark.root=/another');
  docker.addContainer('tidemark-of-somebody', label);
  const { programs } = setup();
  expect(await programs.sweepContainers(signal)).toBe(1);
  expect(docker.containers()).not.toContain(name(host, deadPid));
  expect(docker.containers()).toHaveLength(3);
});

test('a worker without such connectors never asks for docker', async () => {
  writeFileSync(join(directory, 'connectors.yaml'), 'connectors:\n');
  expect(await setup().programs.sweepContainers(signal)).toBe(0);
  expect(docker.calls('--version')).toEqual([]);
});
