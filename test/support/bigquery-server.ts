import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, type RunningServer } from './postgres-server.ts';
import { houseRoot } from './processes.ts';
import { startProgram } from './program-server.ts';

/** For people. */
export const bigqueryProduct = 'bqemulator 1.4';

/** Told to end, it is killed after this. */
const stopMsMax = 10_000;

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
  return startProgram({
    name: 'BigQuery emulator',
    program: python,
    args: [join(houseRoot(), 'test/support/bigquery/serve.py'), String(port)],
    ...{ directory, port, endMsMax: stopMsMax },
    env: { ...process.env, TMPDIR: directory },
    serves: (url) =>
      fetch(`${url}/bigquery/v2/projects/${bigqueryProject}/datasets`).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
}
