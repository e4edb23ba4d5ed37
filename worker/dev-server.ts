import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { SyncError } from '../protocol/index.ts';
import { searchAttributes } from '../workflows/messages.ts';
import { cacheDirFrom } from './config.ts';
import { findTemporal, type TemporalBinaryOptions } from './temporal-binary.ts';

const startMsMax = 30_000;
const pollMs = 50;
const connectMsMax = 2_000;
const stopMsMax = 5_000;
/** A free port may be taken before the server binds it: then others are tried. */
const startsMax = 3;

const ip = '127.0.0.1';
const cliTypes = { KEYWORD: 'Keyword', INT: 'Int', DATETIME: 'Datetime' } as const;

export interface DevServerOptions {
  /** Holds `temporal.db` and `temporal.log`; made if absent. A database that is there is continued. */
  readonly directory: string;
  /** Another database file. */
  readonly database?: string;
  /** Absent: any free port. */
  readonly port?: number;
  /** Absent: no web UI. */
  readonly uiPort?: number;
  /** Where the `temporal` command is cached; default as in the worker's configuration. */
  readonly cacheDir?: string;
  readonly command?: TemporalBinaryOptions['command'];
  readonly notify?: (line: string) => void;
  /** The server ends when this process ends, however it ends. Default true. */
  readonly diesWithParent?: boolean;
}

export interface DevServer {
  readonly address: string;
  readonly uiUrl: string | null;
  /** The server's own process id. */
  readonly pid: number;
  /** Resolves when the process is gone, with the way it ended. */
  readonly ended: Promise<string>;
  /** Idempotent; resolves when the process is gone. */
  stop(): Promise<void>;
}

/**
 * Starts Temporal's development server on a file database, with Tidemark's search attributes, and resolves when it serves.
 * Throws a config_error when a port is taken or no `temporal` command can be had.
 */
export async function startDevServer(options: DevServerOptions): Promise<DevServer> {
  const { cacheDir = cacheDirFrom(), command, notify } = options;
  const binary = await findTemporal({
    cacheDir,
    ...(command !== undefined && { command }),
    ...(notify !== undefined && { notify }),
  });
  await mkdir(options.directory, { recursive: true });
  if (options.port !== undefined) await refuseTakenPort(options.port, '--port');
  if (options.uiPort !== undefined) await refuseTakenPort(options.uiPort, '--ui-port');
  for (let start = 1; ; start += 1) {
    const port = options.port ?? (await freePort());
    try {
      return await startOn(binary, port, options);
    } catch (error) {
      const lostPort = options.port === undefined && (await bindError(port)) !== null;
      if (!lostPort || start === startsMax) throw error;
    }
  }
}

async function startOn(
  binary: string,
  port: number,
  options: DevServerOptions,
): Promise<DevServer> {
  const { directory, database = join(directory, 'temporal.db'), uiPort } = options;
  const args = [
    'server',
    'start-dev',
    '--ip',
    ip,
    '--port',
    String(port),
    '--db-filename',
    database,
  ];
  args.push(...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]));
  args.push('--log-level', 'error');
  for (const { name, type } of Object.values(searchAttributes))
    args.push('--search-attribute', `${name}=${cliTypes[type]}`);

  const logFile = join(directory, 'temporal.log');
  const log = await open(logFile, 'w');
  let child: ChildProcess;
  try {
    // A process group of its own: Ctrl-C must reach the worker first, which still needs the server to drain.
    child = spawn(binary, args, { detached: true, stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn');
  } finally {
    await log.close();
  }
  const server = asServer(child, port, options);
  let ended: string | undefined;
  void server.ended.then((how) => (ended = how));
  const deadline = Date.now() + startMsMax;
  while (!(await serves(server.address))) {
    if (ended === undefined && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      continue;
    }
    await server.stop();
    throw new SyncError('system_error', 'The Temporal dev server did not start.', {
      origin: 'tidemark',
      place: `${logFile}: ${await lastLogLine(logFile)} (${ended ?? `no answer in ${startMsMax} ms`})`,
      remedy: `Read ${logFile}. If another server uses ${database}, stop it or name another database.`,
    });
  }
  return server;
}

function asServer(
  child: ChildProcess,
  port: number,
  { uiPort, diesWithParent = true }: DevServerOptions,
): DevServer {
  const pid = child.pid!;
  const ended = once(child, 'exit').then(([code, signal]) => `exit ${String(code ?? signal)}`);
  const release = diesWithParent ? killOnOurDeath(pid) : () => undefined;
  void ended.then(release);
  return {
    address: `${ip}:${port}`,
    uiUrl: uiPort === undefined ? null : `http://${ip}:${uiPort}`,
    pid,
    ended,
    async stop() {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
      await ended;
      clearTimeout(force);
    },
  };
}

/**
 * Kills `pid` when this process dies, also by SIGKILL: a small shell waits for the end of a pipe that only this process holds open.
 * The answer lets go of it.
 */
function killOnOurDeath(pid: number): () => void {
  const watcher = spawn('sh', ['-c', 'cat >/dev/null; kill -9 "$0"', String(pid)], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without a shell the server merely outlives a killed parent.
  watcher.on('error', () => undefined);
  watcher.stdin?.on('error', () => undefined);
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  // The group, for the shell waits in `cat`; killed before its pipe closes, so that it cannot hit a reused pid.
  return () => {
    if (watcher.pid !== undefined && watcher.exitCode === null) killGroup(watcher.pid);
  };
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** True once the server answers and knows the namespace and our search attributes. */
async function serves(address: string): Promise<boolean> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.connect({ address, connectTimeout: connectMsMax });
    const { customAttributes } = await connection.operatorService.listSearchAttributes({
      namespace: 'default',
    });
    return Object.values(searchAttributes).every(({ name }) => name in (customAttributes ?? {}));
  } catch {
    return false; // not yet; the caller has the deadline
  } finally {
    await connection?.close();
  }
}

async function refuseTakenPort(port: number, option: string): Promise<void> {
  const code = await bindError(port);
  if (code === null) return;
  throw new SyncError('config_error', 'A port of the Temporal dev server cannot be used.', {
    origin: 'tidemark',
    place: `${ip}:${port} (${code})`,
    remedy: `Stop what listens there (perhaps another \`tidemark dev\`), or choose another port with ${option}.`,
    facts: { port, option },
  });
}

async function bindError(port: number): Promise<string | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, ip, () => server.close(() => resolve(null)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, ip);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function lastLogLine(file: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n');
  return (lines.at(-1) ?? '').slice(0, 500);
}
