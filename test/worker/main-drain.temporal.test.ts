import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defaultPolicy, newConnection } from '../../protocol/index.ts';
import { dataConverter } from '../../workflows/data-converter.ts';
import { connectionWorkflowId, statusQuery, syncWorkflowId } from '../../workflows/messages.ts';
import { built } from './built.ts';
import { eventually } from './eventually.ts';
import { testServer, type TestServer } from './server.ts';

const records = 60;
const testMsMax = 120_000;

/** Sends a record and a state every 100 ms, and notes where each run began. */
const slowSource = `
const { readFileSync, appendFileSync } = require('node:fs');
const argument = (name) => { const at = process.argv.indexOf(name); return at < 0 ? undefined : JSON.parse(readFileSync(process.argv[at + 1], 'utf8')); };
const say = (message) => process.stdout.write(JSON.stringify(message) + '\\n');
const verb = process.argv[2];
const stream_descriptor = { name: 'ticks' };
const status = (status) => say({ type: 'TRACE', trace: { type: 'STREAM_STATUS', emitted_at: Date.now(), stream_status: { stream_descriptor, status } } });
if (verb === 'spec') say({ type: 'SPEC', spec: { connectionSpecification: { type: 'object', properties: {} } } });
if (verb === 'check') say({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
if (verb === 'discover') say({ type: 'CATALOG', catalog: { streams: [{ name: 'ticks', supported_sync_modes: ['full_refresh', 'incremental'], source_defined_cursor: true,
  json_schema: { type: 'object', properties: { n: { type: 'integer' } } } }] } });
if (verb === 'read') {
  let n = argument('--state')?.[0]?.stream?.stream_state?.n ?? 0;
  appendFileSync('runs.txt', n + '\\n');
  status('STARTED');
  const next = () => {
    if (n === ${records}) return status('COMPLETE');
    n += 1;
    say({ type: 'RECORD', record: { stream: 'ticks', data: { n }, emitted_at: Date.now() } });
    say({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor, stream_state: { n } }, sourceStats: { recordCount: 1 } } });
    setTimeout(next, 100);
  };
  next();
}
`;

let server: TestServer;
let connection: Connection;
let directory: string;
const children: ChildProcess[] = [];
beforeAll(async () => {
  server = await testServer();
  connection = await Connection.connect({ address: server.address });
  directory = await mkdtemp(join(tmpdir(), 'tidemark-drain-'));
  await writeFile(join(directory, 'slow.cjs'), slowSource);
  await writeFile(
    join(directory, 'connectors.yaml'),
    'connectors:\n  slow: { kind: source, runner: exec, command: [node, ./slow.cjs] }\ndirectories: [.]\n',
  );
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
