import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { workerNodeFlags } from '../../client/cli/run-script.ts';
import { SyncError } from '../../protocol/index.ts';

const readyMsMax = 30_000;
const drainMsMax = 15_000;
const main = fileURLToPath(new URL('../../worker/main.js', import.meta.url));

export interface DemoWorker {
  readonly pid: number;
  /** Resolves when it polls. */
  ready(): Promise<void>;
  /** SIGKILL: no last word, no cleaning up. */
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL if that takes too long. Idempotent. */
  stop(): Promise<void>;
}

export interface DemoWorkerOptions {
  readonly directory: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

export function spawnWorker({ directory, logFile, env }: DemoWorkerOptions): DemoWorker {
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [...workerNodeFlags, main, '--json'], {
    cwd: directory,
    // Ctrl-C is for the demo, which then ends its processes in order.
    detached: true,
    stdio: ['ignore', 'pipe', log],
    env: { ...process.env, ...env },
  });
  closeSync(log);
  const exited = once(child, 'exit');
  const polls = new Promise<boolean>((resolve) => {
    child.stdout?.once('data', () => resolve(true));
    void exited.then(() => resolve(false));
    setTimeout(() => resolve(false), readyMsMax).unref();
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return {
    pid: child.pid!,
    async ready() {
      if (await polls) return;
      throw new SyncError('system_error', 'The worker did not start.', {
        origin: 'tidemark',
        place: logFile,
        remedy: 'Read the log.',
      });
    },
    kill: () => end('SIGKILL'),
    async stop() {
      const force = setTimeout(() => child.kill('SIGKILL'), drainMsMax);
      await end('SIGTERM');
      clearTimeout(force);
    },
  };
}
