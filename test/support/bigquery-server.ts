import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../worker/eventually.ts';
import { freePort, type RunningServer } from './postgres-server.ts';
import { houseRoot } from './processes.ts';

/** For people. */
export const bigqueryProduct = 'bqemulator 1.4';

/** The dataset that every test has is in this one. */
export const bigqueryProject = 'tidemark-tests';

/** See .ci/bigquery. */
function interpreter(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const home = join(cache, 'tidemark/bigquery');
  if (existsSync(join(home, 'complete'))) return join(home, 'bin/python');
  throw new Error(
    'No BigQuery emulator here. Install it (.ci/bigquery) or name one: TEST_BIGQUERY_ENDPOINT=http://host:9050',
  );
}

/** An emulator that keeps nothing on disk. Its `url` is the endpoint. */
export async function startBigQuery(): Promise<RunningServer> {
  const python = interpreter();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-bigquery-server-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = join(directory, 'log');
  const program = join(houseRoot(), 'test/support/bigquery/serve.py');
  let server: ChildProcess;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };
  const start = async (): Promise<void> => {
    const output = openSync(log, 'a');
    const child = spawn(python, [program, String(port)], {
      cwd: directory,
      env: { ...process.env, TMPDIR: directory },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    server = child;
    await eventually('the BigQuery emulator serves', async () => {
      if (child.exitCode !== null) throw new Error(await readFile(log, 'utf8'));
      const path = `/bigquery/v2/projects/${bigqueryProject}/datasets`;
      return fetch(`${url}${path}`).then(
        ({ ok }) => ok,
        () => false,
      );
    });
  };
  await start();
  return {
    ...{ url, host: '127.0.0.1', port, directory, start },
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM');
      await start();
    },
    async stop() {
      await end('SIGKILL');
      await rm(directory, { recursive: true });
    },
  };
}
