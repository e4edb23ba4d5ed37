import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { defaultDataConverter } from '@temporalio/common';
import { connect } from '../../worker/connect.ts';
import { built } from './built.ts';
import { alive, eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { testServer, type TestServer } from './server.ts';

let server: TestServer;
let directory: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  server = await testServer();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-main-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

interface Process {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  out(): string;
  err(): string;
}

function run(program: string, args: readonly string[], env: Record<string, string> = {}): Process {
  const child = spawn(process.execPath, [built(`worker/${program}.js`), ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      TEMPORAL_ADDRESS: server.address,
      TEMPORAL_CONFIG_FILE: '/no/such/file.toml',
      TIDEMARK_STATE_DIR: join(directory, 'state'),
      TIDEMARK_TASK_QUEUE: `test-${randomBytes(6).toString('hex')}`,
      ...env,
    },
  });
  children.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, ended, out: () => out, err: () => err };
}

async function said(process: Process, text: string): Promise<void> {
  await eventually(`it says ${text}; it said ${process.out()}${process.err()}`, () => {
    if (process.child.exitCode !== null) throw new Error(`Ended: ${process.out()}${process.err()}`);
    return (process.out() + process.err()).includes(text);
  });
}

const taskQueueTypeActivity = 2;
async function polled(queue: string): Promise<boolean> {
  const connection = await Connection.connect({ address: server.address });
  const { pollers } = await connection.workflowService.describeTaskQueue({
    namespace: 'default',
    taskQueue: { name: queue },
    taskQueueType: taskQueueTypeActivity,
  });
  await connection.close();
  return (pollers ?? []).length > 0;
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'a worker says when it is ready, and ends well by %s',
  async (signal) => {
    const worker = run('main', []);
    await said(worker, 'Worker ready: queue test-');
    expect(worker.out().trim().split('\n')).toHaveLength(1);
    expect(worker.out()).toContain(server.address);
    expect(worker.out()).toContain('postgres');
    worker.child.kill(signal);
    expect(await worker.ended).toBe(0);
    expect(worker.err()).toContain('Drained');
    expect(worker.err()).not.toContain('ERROR');
  },
);

test('with --json the line is JSON and names the queues that are polled', async () => {
  const worker = run('main', ['--json'], { TIDEMARK_LABEL: 'box' });
  await said(worker, '\n');
  await eventually('a whole line', () => worker.out().endsWith('\n'));
  const ready = JSON.parse(worker.out()) as { queues: string[]; taskQueue: string; label: string };
  expect(ready.label).toBe('box');
  expect(ready.queues).toHaveLength(4);
  for (const queue of ready.queues) await eventually(`${queue} is polled`, () => polled(queue));
});

test.each<[string, Record<string, string>, string]>([
  ['a setting', { TIDEMARK_WRITE_SLOTS: 'many' }, 'TIDEMARK_WRITE_SLOTS'],
  ['a namespace', { TEMPORAL_NAMESPACE: 'no-such-namespace' }, 'TEMPORAL_NAMESPACE'],
  ['connectors.yaml', { TIDEMARK_CONNECTORS: './bad.yaml' }, 'bad.yaml:2:'],
])('%s, wrong, ends the process with code 2 and what to correct', async (_, env, told) => {
  await writeFile(join(directory, 'bad.yaml'), 'connectors:\n  x: { runner: shell }\n');
  const worker = run('main', [], env);
  expect(await worker.ended).toBe(2);
  expect(worker.err()).toContain(told);
  expect(worker.out()).toBe('');
});

test('an unknown option ends the process with code 2', async () => {
  const worker = run('main', ['--jsno']);
  expect(await worker.ended).toBe(2);
  expect(worker.err()).toContain('--jsno');
});

test('a worker waits for a server that is not there, says so, and can be stopped meanwhile', async () => {
  const worker = run('main', [], { TEMPORAL_ADDRESS: '127.0.0.1:1' });
  await said(worker, 'Waiting for Temporal at 127.0.0.1:1');
  worker.child.kill('SIGTERM');
  expect(await worker.ended).toBe(0);
});

test('a server that stays away is told with the ways to have one', async () => {
  const waiting = connect({
    temporal: { connectionOptions: { address: '127.0.0.1:1' }, namespace: 'default' },
    dataConverter: defaultDataConverter,
    notify: () => undefined,
    signal: new AbortController().signal,
    msMax: 1,
  });
  const error: unknown = await waiting.catch((e: unknown) => e);
  expect(error).toMatchObject({ kind: 'transient_error', message: 'Temporal cannot be reached.' });
  expect((error as { remedy: string }).remedy).toMatch(/tidemark dev.*TEMPORAL_ADDRESS/);
});

const devArgs = async () => [
  '--port',
  String(await freePort()),
  '--ui-port',
  String(await freePort()),
];

/** The dev server's process: the one that listens is found by its port in the command line. */
function serverPid(port: string): number | undefined {
  const list = spawnSync('pgrep', ['-f', `start-dev.*--port ${port} `], { encoding: 'utf8' });
  return list.stdout === '' ? undefined : Number(list.stdout.split('\n')[0]);
}

describe('tidemark dev', () => {
  test.each([
    ['SIGINT', 0],
    ['SIGKILL', null],
  ] as const)(
    'serves Temporal, its UI and a worker, and leaves nothing behind after %s',
    async (signal, code) => {
      const args = await devArgs();
      const dev = run('dev', args, { TEMPORAL_ADDRESS: 'elsewhere:1' });
      await said(dev, 'Next, in another terminal');
      expect(dev.out()).toContain(`127.0.0.1:${args[1]}`);
      const page = await fetch(`http://127.0.0.1:${args[3]}/`);
      expect(page.status).toBe(200);
      const pid = serverPid(args[1]!)!;
      expect(alive(pid)).toBe(true);
      dev.child.kill(signal);
      expect(await dev.ended).toBe(code);
      await eventually('the server is gone', () => !alive(pid));
    },
  );

  test('a port that is taken is told with the option that changes it', async () => {
    const args = await devArgs();
    const blocker = createServer().listen(Number(args[3]), '127.0.0.1');
    await once(blocker, 'listening');
    const dev = run('dev', args);
    expect(await dev.ended).toBe(2);
    blocker.close();
    expect(dev.err()).toContain(args[3]!);
    expect(dev.err()).toContain('--ui-port');
  });

  test('it ends as failed when its server dies', async () => {
    const args = await devArgs();
    const dev = run('dev', args);
    await said(dev, 'Next, in another terminal');
    process.kill(serverPid(args[1]!)!, 'SIGKILL');
    expect(await dev.ended).toBe(1);
    expect(dev.err()).toContain('The Temporal dev server ended by itself.');
  });

  test.each(['0', '65536', 'x'])('--port %s is refused', async (port) => {
    const dev = run('dev', ['--port', port]);
    expect(await dev.ended).toBe(2);
    expect(dev.err()).toContain(`--port ${port}`);
  });
});
