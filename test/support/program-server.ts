import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../worker/eventually.ts';
import type { RunningServer } from './postgres-server.ts';

/** A program that serves at one address. */
export interface ServerProgram {
  /** For people. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Its own, gone once it is stopped: it works there, and its log is there. */
  readonly directory: string;
  readonly port: number;
  readonly env?: NodeJS.ProcessEnv;
  /** Told to end, it is killed after this, ms. Absent: it is not waited for. */
  readonly endMsMax?: number;
  /** Whether it answers by now. */
  serves(this: void, url: string): Promise<boolean>;
}

export async function startProgram(options: ServerProgram): Promise<RunningServer> {
  const { name, program, args, directory, port, env = process.env, endMsMax = 0, serves } = options;
  const url = `http://127.0.0.1:${port}`;
  const log = join(directory, 'log');
  let server: ChildProcess;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    const exited = once(server, 'exit');
    server.kill(signal);
    await exited;
  };
  const start = async (): Promise<void> => {
    const output = openSync(log, 'a');
    const child = spawn(program, args, { cwd: directory, env, stdio: ['ignore', output, output] });
    closeSync(output);
    server = child;
    await eventually(`the ${name} serves`, async () => {
      if (child.exitCode !== null) throw new Error(await readFile(log, 'utf8'));
      return serves(url);
    });
  };
  await start();
  return {
    ...{ url, host: '127.0.0.1', port, directory, start },
    pids: () => (server.pid === undefined ? [] : [server.pid]),
    kill: () => end('SIGKILL'),
    async restart() {
      const late = setTimeout(() => server.kill('SIGKILL'), endMsMax);
      await end('SIGTERM');
      clearTimeout(late);
      await start();
    },
    async stop() {
      await end('SIGKILL');
      await rm(directory, { recursive: true });
    },
  };
}
