import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { homedir, tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../worker/eventually.ts';
import { freePort, type RunningServer } from './postgres-server.ts';

const run = promisify(execFile);

export type MysqlFlavour = 'mysql' | 'mariadb';

/** A server's programs: how its data directory is made, and how it is started. */
interface Programs {
  readonly initialize: (data: string) => readonly string[];
  readonly serve: readonly string[];
}

const user = (): string => `--user=${userInfo().username}`;

const cacheHome = (): string => process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');

/** See .ci/mysql: a tree beside the system, with its own loader and libraries. */
function mysqlPrograms(): Programs {
  const root = join(cacheHome(), 'tidemark/mysql');
  if (!existsSync(join(root, 'complete')))
    throw absent('MySQL', 'TEST_MYSQL_URL=mysql://root@host:3306');
  const library = ['--library-path', `${root}/usr/lib/x86_64-linux-gnu`];
  const serve = [
    ...[`${root}/usr/lib64/ld-linux-x86-64.so.2`, ...library, `${root}/usr/sbin/mysqld`],
    ...[
      '--no-defaults',
      user(),
      `--basedir=${root}/usr`,
      '--mysqlx=OFF',
      '--secure-file-priv=NULL',
    ],
    ...[`--lc-messages-dir=${root}/usr/share/mysql`, `--plugin-dir=${root}/usr/lib/mysql/plugin`],
  ];
  return { serve, initialize: (data) => [...serve, `--datadir=${data}`, '--initialize-insecure'] };
}

function mariadbPrograms(): Programs {
  const serve = '/usr/sbin/mariadbd';
  const initialize = '/usr/bin/mariadb-install-db';
  if (![serve, initialize].every(existsSync))
    throw absent('MariaDB', 'TEST_MARIADB_URL=mysql://root@host:3306');
  return {
    serve: [serve, '--no-defaults', user()],
    initialize: (data) => [
      ...[initialize, '--no-defaults', user(), `--datadir=${data}`],
      ...['--auth-root-authentication-method=normal', '--skip-test-db'],
    ],
  };
}

const absent = (name: string, variable: string): Error =>
  new Error(`No ${name} server here. Install one (.ci/mysql) or name one: ${variable}`);

/** Durability against a power cut is not what the tests are about: a killed process loses nothing. */
const settings = [
  ...['--bind-address=127.0.0.1', '--local-infile=1', '--max-connections=200'],
  ...['--innodb-flush-log-at-trx-commit=2', '--sync-binlog=0', '--skip-log-bin'],
  ...['--innodb-buffer-pool-size=64M', '--innodb-flush-method=nosync', '--skip-innodb-doublewrite'],
];

/** Starts a private server in a temporary directory; its root user has no password. `further`: options of its own. */
export async function startMysql(
  flavour: MysqlFlavour,
  further: readonly string[] = [],
): Promise<RunningServer> {
  const { initialize, serve } = flavour === 'mysql' ? mysqlPrograms() : mariadbPrograms();
  const directory = await mkdtemp(join(tmpdir(), `tidemark-${flavour}-`));
  const data = join(directory, 'data');
  const [program, ...args] = initialize(data);
  await run(program!, args);
  const port = await freePort();
  const own = [
    ...[`--datadir=${data}`, `--port=${port}`, `--socket=${join(directory, 'socket')}`],
    // MariaDB clears the temporary tables that it finds there as it starts: another server's, where both have the same.
    `--tmpdir=${directory}`,
  ];
  const log = join(directory, 'log');
  let server: ChildProcess | null = null;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server === null || server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };
  const start = async (): Promise<void> => {
    const output = openSync(log, 'a');
    const [command, ...more] = [...serve, ...own, ...settings, ...further];
    const child = spawn(command!, more, { stdio: ['ignore', output, output], cwd: directory });
    server = child;
    await eventually(`${flavour} serves`, async () => {
      if (child.exitCode !== null) throw new Error(await readFile(log, 'utf8'));
      return answers(port);
    });
  };
  await start();
  return {
    ...{ url: `mysql://root@127.0.0.1:${port}`, host: '127.0.0.1', port },
    ...{ directory, start },
    pids: () => (server?.pid === undefined ? [] : [server.pid]),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM');
      await start();
    },
    async stop() {
      await end('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A server speaks first, once it is ready. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  }).then((answer) => answer as boolean);
}
