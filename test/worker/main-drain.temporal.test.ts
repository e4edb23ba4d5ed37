import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defaultPolicy, newConnection } from '../../protocol/index.ts';
import { dataConverter } from '../../workflows/data-converter.ts';
import { connectionWorkflowId, statusQuery, syncWorkflowId } from '../../workflows/messages.ts';
import { built } from './built.ts';
import { eventually } from './eventually.ts';
import { slowRecords as records, writeSlowSource } from './slow-source.ts';
import { testServer, type TestServer } from './server.ts';

const testMsMax = 120_000;

let server: TestServer;
let connection: Connection;
let directory: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  server = await testServer();
  connection = await Connection.connect({ address: server.address });
  directory = await mkdtemp(join(tmpdir(), 'tidemark-drain-'));
  await writeSlowSource(directory);
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await connection?.close();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

function startWorker(taskQueue: string): { child: ChildProcess; output: () => string } {
  let output = '';
  const child = spawn(process.execPath, [built('worker/main.js')], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      TEMPORAL_ADDRESS: server.address,
      TIDEMARK_STATE_DIR: join(directory, 'state'),
      TIDEMARK_TASK_QUEUE: taskQueue,
      TIDEMARK_LABEL: 'box',
    },
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  children.push(child);
  return { child, output: () => output };
}

test(
  'SIGTERM in the middle of a sync drains to a checkpoint, and the next worker goes on from there',
  async () => {
    const taskQueue = `test-${randomBytes(6).toString('hex')}`;
    const name = `drain-${randomBytes(6).toString('hex')}`;
    const client = new Client({ connection, dataConverter });
    const policy = { ...defaultPolicy, commitIntervalMsMin: 200, commitIntervalMsMax: 1_000 };
    const state = newConnection(randomUUID(), {
      name,
      source: { connector: 'slow', config: {} },
      destination: { connector: 'duckdb', config: { path: './ticks.duckdb' } },
      policy,
    });
    const entity = await client.workflow.start('connectionWorkflow', {
      taskQueue,
      workflowId: connectionWorkflowId(name),
      args: [{ state }],
    });
    const first = startWorker(taskQueue);
    const committed = async (): Promise<number> => {
      const { checkpoints } = await entity.query(statusQuery).catch((cause: unknown) => {
        throw new Error(`The connection does not answer: ${first.output()}`, { cause });
      });
      return Object.values(checkpoints)[0]?.records ?? 0;
    };

    const sync = await client.workflow.start('syncWorkflow', {
      taskQueue,
      workflowId: syncWorkflowId(name),
      args: [{ connection: name }],
    });
    await eventually('there is a checkpoint', async () => (await committed()) > 0, 60_000);
    first.child.kill('SIGTERM');
    const [code] = (await once(first.child, 'exit')) as [number];
    expect({ code, output: first.output() }).toMatchObject({ code: 0 });

    const second = startWorker(taskQueue);
    await eventually('the second worker is ready', () => second.output().includes('Worker ready'));
    const drainedAt = await committed();
    expect(drainedAt).toBeLessThan(records);
    await sync.result();
    expect(await committed()).toBe(records);
    const runs = (await readFile(join(directory, 'runs.txt'), 'utf8')).trim().split('\n');
    expect(runs).toEqual(['0', String(drainedAt)]);
    second.child.kill('SIGTERM');
    expect((await once(second.child, 'exit'))[0]).toBe(0);
  },
  testMsMax,
);
