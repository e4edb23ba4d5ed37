import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { defaultPolicy, newConnection } from '../../protocol/index.ts';
import { dataConverter } from '../../workflows/data-converter.ts';
import { connectionWorkflowId, syncWorkflowId } from '../../workflows/messages.ts';
import { built } from './built.ts';
import { testServer } from './server.ts';
import { writeSlowSource } from './slow-source.ts';

export interface WorkerProcess {
  readonly child: ChildProcess;
  /** What it has written to stderr: its log. */
  readonly logged: () => string;
  /** What it has written, wherever. */
  readonly output: () => string;
}

/** A connection from the slow source to a file of DuckDB in the room. */
export interface SlowConnection {
  readonly name: string;
  readonly entity: WorkflowHandle;
  readonly sync: () => Promise<WorkflowHandle>;
}

/** A directory with the slow source, for workers of the build that run in it as processes of their own. */
export interface SlowRoom {
  readonly address: string;
  readonly directory: string;
  worker(env: Readonly<Record<string, string>>): WorkerProcess;
  connect(taskQueue: string): Promise<SlowConnection>;
  close(): Promise<void>;
}

export const freshQueue = (): string => `test-${randomBytes(6).toString('hex')}`;

export async function openSlowRoom(): Promise<SlowRoom> {
  const server = await testServer();
  const connection = await Connection.connect({ address: server.address });
  const client = new Client({ connection, dataConverter });
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-slow-'));
  await writeSlowSource(directory);
  const children: ChildProcess[] = [];
  return {
    address: server.address,
    directory,
    worker(env) {
      const child = spawn(process.execPath, [built('worker/main.js')], {
        cwd: directory,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          PATH: process.env['PATH'],
          HOME: directory,
          TIDEMARK_STATE_DIR: join(directory, 'state'),
          TIDEMARK_LABEL: 'box',
          ...env,
        },
      });
      let logged = '';
      let output = '';
      child.stderr.on('data', (chunk: Buffer) => (logged += chunk.toString()));
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      children.push(child);
      return { child, logged: () => logged, output: () => output };
    },
    connect: (taskQueue) => connectIn(client, taskQueue),
    async close() {
      for (const child of children) child.kill('SIGKILL');
      await connection.close();
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function connectIn(client: Client, taskQueue: string): Promise<SlowConnection> {
  const name = `slow-${randomBytes(6).toString('hex')}`;
  const policy = { ...defaultPolicy, commitIntervalMsMin: 200, commitIntervalMsMax: 1_000 };
  const state = newConnection(randomUUID(), {
    name,
    source: { connector: 'slow', config: {} },
    destination: { connector: 'duckdb', config: { path: `./${name}.duckdb` } },
    policy,
  });
  const entity = await client.workflow.start('connectionWorkflow', {
    taskQueue,
    workflowId: connectionWorkflowId(name),
    args: [{ state }],
  });
  const sync = (): Promise<WorkflowHandle> =>
    client.workflow.start('syncWorkflow', {
      taskQueue,
      workflowId: syncWorkflowId(name),
      args: [{ connection: name }],
    });
  return { name, entity, sync };
}
