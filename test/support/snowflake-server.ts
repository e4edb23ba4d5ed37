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
export const snowflakeProduct = 'fakesnow 0.12.1, an emulator';

const shim = join(houseRoot(), 'test/support/snowflake/server.py');

/** A virtual environment that .ci/snowflake made. */
function python(): string {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const home = join(cache, 'tidemark/snowflake');
  if (!existsSync(join(home, 'complete')))
    throw new Error('No Snowflake emulator here. Install it: .ci/snowflake');
  return join(home, 'bin/python');
}

/** What the tests log in with; the emulator knows it too. A key becomes the user's as it does in Snowflake: ALTER USER … SET RSA_PUBLIC_KEY. */
export const snowflakeSecrets = {
  user: 'tidemark',
  password: 'tidemark-secret',
  token: 'tidemark-token',
};

export async function startSnowflake(): Promise<RunningServer> {
  const program = python();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-snowflake-'));
  const environment = {
    ...process.env,
    SNOWFLAKE_PASSWORD: snowflakeSecrets.password,
    SNOWFLAKE_TOKEN: snowflakeSecrets.token,
    // Its own 5 minutes would keep a test waiting that kills a writer in a transaction.
    SNOWFLAKE_IDLE_S: '10',
    // Its stages are files there.
    TMPDIR: directory,
  };
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const log = join(directory, 'log');
  let server: ChildProcess;
  const end = async (): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill('SIGKILL');
    await exited;
  };
  const start = async (): Promise<void> => {
    const output = openSync(log, 'a');
    const child = spawn(program, [shim, String(port)], {
      ...{ cwd: directory, env: environment, stdio: ['ignore', output, output] },
    });
    closeSync(output);
    server = child;
    await eventually('the Snowflake emulator serves', async () => {
      if (child.exitCode !== null) throw new Error(await readFile(log, 'utf8'));
      return fetch(url).then(
        () => true,
        () => false,
      );
    });
  };
  await start();
  return {
    ...{ url, host: '127.0.0.1', port, directory, start },
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    kill: end,
    async restart() {
      await end();
      await start();
    },
    async stop() {
      await end();
      await rm(directory, { recursive: true });
    },
  };
}
