import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../worker/eventually.ts';
import { descendantsOf, isRunning } from './processes.ts';

const run = promisify(execFile);

export interface RunningServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** A directory of the server's user, for its files. */
  readonly directory: string;
  /** All its processes, sessions too. */
  pids(): readonly number[];
  /** SIGKILL of all of them: as when the power fails. */
  kill(): Promise<void>;
  /** After `kill`. Resolves when it serves. */
  start(): Promise<void>;
  /** A fast stop, which ends its sessions, and a start. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** A program that comes with the server, such as `psql`. */
export const postgresProgram = (name: string): string => join(binaries(), name);

/** Debian keeps the server's programs out of PATH. */
function binaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).sort((a, b) => Number(b) - Number(a)) : [];
  const found = versions
    .map((v) => join(root, v, 'bin'))
    .find((dir) => existsSync(join(dir, 'initdb')));
  if (found !== undefined) return found;
  throw new Error(
    'No Postgres server here. Install one (sudo apt-get install -y postgresql) or name one: TEST_POSTGRES_URL=postgres://user:password@host:5432/postgres',
  );
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a private Postgres cluster in a temporary directory. Postgres refuses to run as root, so root becomes `postgres`. */
export async function startPostgres(): Promise<RunningServer> {
  const bin = binaries();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-postgres-'));
  const asRoot = userInfo().uid === 0;
  if (asRoot) {
    execFileSync('chown', ['postgres', directory]);
    await chmod(directory, 0o700);
  }
  const as = (program: string, args: readonly string[]): Promise<unknown> =>
    asRoot
      ? run(
          'setpriv',
          ['--reuid=postgres', '--regid=postgres', '--init-groups', join(bin, program), ...args],
          { cwd: directory },
        )
      : run(join(bin, program), [...args], { cwd: directory });

  const data = join(directory, 'data');
  const port = await freePort();
  await as('initdb', [
    '-D',
    data,
    '-U',
    'postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
  ]);
  const options = `-p ${port} -k ${directory} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200 -c wal_level=logical`;
  const control = async (...args: string[]): Promise<void> =>
    void (await as('pg_ctl', ['-D', data, '-w', ...args]));
  const started = ['-l', join(directory, 'log'), '-o', options] as const;
  await control(...started, 'start');
  const pidFile = join(data, 'postmaster.pid');
  const pids = (): readonly number[] => {
    if (!existsSync(pidFile)) return [];
    const postmaster = Number(readFileSync(pidFile, 'utf8').split('\n')[0]);
    return [postmaster, ...descendantsOf(postmaster).map(({ pid }) => pid)];
  };
  return {
    ...{ url: `postgres://postgres@127.0.0.1:${port}/postgres`, host: '127.0.0.1', port },
    ...{ directory, pids },
    async kill() {
      const all = pids();
      // The first is the one that would start others.
      for (const pid of all) if (isRunning({ pid })) process.kill(pid, 'SIGKILL');
      await eventually('Postgres is gone', () => !all.some((pid) => isRunning({ pid })));
    },
    start: () => control(...started, 'start'),
    restart: () => control(...started, '-m', 'fast', 'restart'),
    async stop() {
      if (pids().some((pid) => isRunning({ pid }))) await control('-m', 'immediate', 'stop');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
