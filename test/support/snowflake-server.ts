import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningServer } from './postgres-server.ts';
import { houseRoot } from './processes.ts';
import { startProgram } from './program-server.ts';

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
  return startProgram({
    name: 'Snowflake emulator',
    ...{ program, args: [shim, String(port)], directory, port, env: environment },
    serves: (url) =>
      fetch(url).then(
        () => true,
        () => false,
      ),
  });
}
