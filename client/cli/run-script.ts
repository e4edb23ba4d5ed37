import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

const signalExitBase = 128;
const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * How node is to run a worker. Records lie in buffers outside V8's heap, which are freed when their young handles are collected: a small
 * young generation (MB) is collected often, and the process stays below 300 MB. It cannot be set once node runs.
 */
export const workerNodeFlags: readonly string[] = ['--max-semi-space-size=2'];

/** Runs a script of ours in a child with this terminal, forwards signals, and resolves with its exit code (128 + n for signal n). */
export async function runScript(script: URL, args: readonly string[]): Promise<number> {
  const command = [...workerNodeFlags, fileURLToPath(script), ...args];
  const child = spawn(process.execPath, command, { stdio: 'inherit' });
  const forward = (signal: NodeJS.Signals): void => {
    // A terminal's Ctrl-C reaches the child by itself; sent twice it would mean "at once".
    if (signal === 'SIGINT' && process.stdin.isTTY) return;
    child.kill(signal);
  };
  for (const signal of forwarded) process.on(signal, forward);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) =>
        resolve(code ?? signalExitBase + (signal === null ? 0 : constants.signals[signal])),
      );
    });
  } finally {
    for (const signal of forwarded) process.removeListener(signal, forward);
  }
}
