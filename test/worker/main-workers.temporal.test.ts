import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Context, heartbeat } from '@temporalio/activity';
import { defaultDataConverter, ApplicationFailure } from '@temporalio/common';
import { Client, type Connection } from '@temporalio/client';
import { bundleWorkflowCode } from '@temporalio/worker';
import { createWriters } from '../../activities/writers.ts';
import { connect, type Connections } from '../../worker/connect.ts';
import { createLogger } from '../../worker/logger.ts';
import { createRedactor } from '../../worker/redact.ts';
import { installRuntime } from '../../worker/runtime.ts';
import { createWorkers, type Workers } from '../../worker/worker.ts';
import { dataQueue, hostQueue, labelQueue } from '../../workflows/messages.ts';
import { built } from './built.ts';
import { eventually } from './eventually.ts';
import { testServer, type TestServer } from './server.ts';
import type * as toys from './toy-workflows.ts';

const bundleMsMax = 120_000;
const logLines: string[] = [];
let server: TestServer;
let directory: string;
let bundle: { codePath: string };
let connections: Connections;

beforeAll(async () => {
  const redactor = createRedactor();
  redactor.remember('hunter22');
  installRuntime(createLogger({ level: 'INFO', redactor, write: (line) => logLines.push(line) }));
  server = await testServer();
  directory = await mkdtemp(join(tmpdir(), 'tidemark-workers-'));
  const workflowsPath = fileURLToPath(new URL('./toy-workflows.ts', import.meta.url));
  const { code } = await bundleWorkflowCode({ workflowsPath });
  bundle = { codePath: join(directory, 'toys.js') };
  await writeFile(bundle.codePath, code);
  const opened = await connect({
    temporal: { connectionOptions: { address: server.address }, namespace: 'default' },
    dataConverter: defaultDataConverter,
    notify: () => undefined,
    signal: new AbortController().signal,
  });
  connections = opened!;
}, bundleMsMax);
afterAll(async () => {
  await connections?.close();
  await server?.stop();
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
});

const freshQueue = () => `test-${randomBytes(6).toString('hex')}`;
function workersOn(taskQueue: string, activities: object): Promise<Workers> {
  return createWorkers({
    activities,
    workflowBundle: bundle,
    native: connections.native,
    dataConverter: defaultDataConverter,
    namespace: 'default',
    taskQueue,
    label: 'box',
    hostQueue: hostQueue(taskQueue, 'p1'),
    name: 'test/1',
    writeSlots: 2,
    shutdownForceMs: 20_000,
    version: null,
  });
}
const start = (taskQueue: string, name: string, activityQueue: string) =>
  connections.client.workflow.start<typeof toys.toyActivityWorkflow>('toyActivityWorkflow', {
    taskQueue,
    workflowId: `${taskQueue}/${name}/${randomBytes(4).toString('hex')}`,
    args: [
      name,
      { taskQueue: activityQueue, startToCloseTimeout: '1 minute', heartbeatTimeout: '20s' },
    ],
  });

test('each of the four queues is served', async () => {
  const queue = freshQueue();
  const activities = { where: async () => Context.current().info.taskQueue };
  const workers = await workersOn(queue, activities);
  const queues = [queue, dataQueue(queue), labelQueue(queue, 'box'), hostQueue(queue, 'p1')];
  expect(workers.queues).toEqual(queues);
  const running = workers.run();
  const asked = await Promise.all(queues.map((at) => start(queue, 'where', at)));
  expect(await Promise.all(asked.map((handle) => handle.result()))).toEqual(queues);
  workers.shutdown();
  workers.shutdown();
  await running;
});

test('while a write drains, this process still answers for the workflow that acknowledges its commit', async () => {
  const queue = freshQueue();
  const { client } = connections;
  const entity = await client.workflow.start<typeof toys.toyEntityWorkflow>('toyEntityWorkflow', {
    taskQueue: queue,
    workflowId: `${queue}/entity`,
  });
  let began = false;
  let acknowledged = false;
  const activities = {
    async hold() {
      began = true;
      const { cancelled } = Context.current();
      const pulse = setInterval(() => heartbeat('at 7'), 200);
      const reason: unknown = await cancelled.catch((error: unknown) => error);
      clearInterval(pulse);
      // The drain takes a moment; the control worker must outlast it.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      await (client.connection as Connection).withDeadline(Date.now() + 5_000, () =>
        entity.executeUpdate('commit', { args: [String((reason as Error).message)] }),
      );
      acknowledged = true;
      throw ApplicationFailure.create({ message: 'drained', nonRetryable: true });
    },
  };
  const workers = await workersOn(queue, activities);
  const running = workers.run();
  await start(queue, 'hold', dataQueue(queue));
  await eventually('the write runs', () => began);
  workers.shutdown();
  await running;
  expect(acknowledged).toBe(true);
  expect(await entity.result()).toBe('WORKER_SHUTDOWN');
});

test('a process has as many writers as it has write slots, whichever queue they come by', async () => {
  const queue = freshQueue();
  const slots = 2;
  const writers = createWriters(slots, 'test/1');
  const running: { readonly at: string; readonly end: () => void }[] = [];
  const served: string[] = [];
  let most = 0;
  const hold = (): Promise<void> =>
    writers.run(async () => {
      const at = Context.current().info.taskQueue;
      served.push(at);
      await new Promise<void>((resolve) => {
        const own = {
          at,
          end: () => {
            running.splice(running.indexOf(own), 1);
            resolve();
          },
        };
        running.push(own);
        most = Math.max(most, running.length);
      });
    });
  const workers = await workersOn(queue, { hold });
  const ended = workers.run();
  const queues = [dataQueue(queue), labelQueue(queue, 'box')];
  const held = await Promise.all(
    [0, 1, 2].flatMap(() => queues.map((at) => start(queue, 'hold', at))),
  );
  for (let left = held.length; left > 0; left -= 1) {
    const wanted = Math.min(left, slots);
    await eventually(`${wanted} write`, () => running.length >= wanted);
    // What would be one too many has its chance.
    await new Promise((resolve) => setTimeout(resolve, 300));
    running[0]!.end();
  }
  await Promise.all(held.map((handle) => handle.result()));
  expect(most).toBe(slots);
  for (const at of queues) expect(served.filter((one) => one === at)).toHaveLength(3);
  workers.shutdown();
  await ended;
});

test('what an activity logs is redacted', async () => {
  const queue = freshQueue();
  const activities = {
    tell: async () => Context.current().log.info('the word is hunter22', { word: 'hunter22' }),
  };
  const workers = await workersOn(queue, activities);
  const running = workers.run();
  await (await start(queue, 'tell', queue)).result();
  workers.shutdown();
  await running;
  const told = () => logLines.find((line) => line.includes('the word is'));
  await eventually('the line is written', () => told() !== undefined);
  expect(told()).toContain('the word is ****');
  expect(logLines.join('\n')).not.toContain('hunter22');
});

describe('a process whose write never ends', () => {
  let child: ChildProcess;
  let output: string;
  let queue: string;

  beforeEach(async () => {
    queue = freshQueue();
    output = '';
    const script = join(directory, `${queue}.mjs`);
    await writeFile(script, stuckProcess(queue));
    child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually('it polls', () => output.includes('polling'));
    await new Client({ connection: connections.client.connection }).workflow.start(
      'toyActivityWorkflow',
      {
        taskQueue: queue,
        workflowId: queue,
        args: [
          'stuck',
          { taskQueue: dataQueue(queue), startToCloseTimeout: '1 minute', heartbeatTimeout: '30s' },
        ],
      },
    );
    await eventually('the write runs', () => output.includes('began'));
  });
  afterEach(() => void child.kill('SIGKILL'));

  test('ends by force within its bound after SIGTERM, as failed', async () => {
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(1);
    expect(output).toContain('GracefulShutdownPeriodExpiredError');
  });

  test('ends at once at a second signal', async () => {
    const exit = once(child, 'exit');
    child.kill('SIGHUP');
    // One that a terminal and a launcher send twice at a time is one.
    child.kill('SIGINT');
    await eventually('it drains', () => output.includes('Draining'));
    await eventually('a later one ends it', () => {
      child.kill('SIGINT');
      return child.exitCode !== null;
    });
    expect((await exit)[0]).toBe(1);
    expect(output.match(/Draining/g)).toHaveLength(1);
    expect(output).toContain('second signal');
    expect(output).not.toContain('GracefulShutdownPeriodExpiredError');
  });
});

/** A worker process as main makes it, with an activity that ignores its cancellation. */
function stuckProcess(queue: string): string {
  const from = (path: string) => JSON.stringify(built(path));
  return `
    import { connect } from ${from('worker/connect.js')};
    import { createLogger, describeError } from ${from('worker/logger.js')};
    import { createRedactor } from ${from('worker/redact.js')};
    import { endOnSignals, endOnUncaught } from ${from('worker/exit.js')};
    import { installRuntime } from ${from('worker/runtime.js')};
    import { createWorkers } from ${from('worker/worker.js')};
    const logger = createLogger({ level: 'INFO', redactor: createRedactor(), write: (line) => console.log(line) });
    installRuntime(logger);
    endOnUncaught(logger);
    const shutdownForceMs = 2000;
    const { stop } = endOnSignals(shutdownForceMs, logger);
    const temporal = { connectionOptions: { address: ${JSON.stringify(server.address)} }, namespace: 'default' };
    const { native } = await connect({ temporal, dataConverter: {}, notify: console.log, signal: stop });
    const workers = await createWorkers({
      activities: { stuck: () => { console.log('began'); return new Promise(() => undefined); } },
      workflowBundle: { codePath: ${JSON.stringify(bundle.codePath)} },
      native, dataConverter: {}, namespace: 'default', taskQueue: ${JSON.stringify(queue)}, label: 'box',
      hostQueue: ${JSON.stringify(hostQueue(queue, 'p1'))}, name: 'stuck', writeSlots: 1, shutdownForceMs, version: null,
    });
    stop.addEventListener('abort', () => workers.shutdown());
    const running = workers.run();
    console.log('polling');
    await running.catch((error) => { console.log(describeError(error)); process.exit(1); });
    process.exit(0);
  `;
}
