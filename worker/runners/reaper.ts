import { spawn } from 'node:child_process';
import type { Writable } from 'node:stream';
import type { Command } from './watched-process.ts';

/** Waits to end what a program started outside of its process group, such as a container: however this process dies, it acts. */
export interface Reaper {
  /** `gone`: what is to be ended should have ended by itself. `killed`: it may just be coming into being. Idempotent. */
  reap(after: 'gone' | 'killed'): void;
  /** Resolves once it has acted for the first time, or can't. */
  readonly acted: Promise<void>;
}

/**
 * Its stdin is a pipe from this process. A word there tells that the program ended by itself: then to act once is enough. Without a word this
 * process, or the program, was killed, perhaps between asking for a container and its coming into being: it acts three times. A process group
 * of its own, so that nothing which ends the program's group ends this.
 */
const script = `
trap '' TERM INT HUP PIPE
if read -r word; then exec "$@" >/dev/null 2>&1; fi
for pause in 0 1 5; do
  sleep "$pause"
  "$@" >/dev/null 2>&1
  echo acted
done 2>/dev/null
`;

export function startReaper({ argv, cwd, env }: Omit<Command, 'stdin'>): Reaper {
  const child = spawn('/bin/sh', ['-c', script, 'tidemark-reaper', ...argv], {
    cwd,
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const leash: Writable = child.stdin;
  // It may be killed by somebody; then a worker that starts finds what is left.
  leash.on('error', () => leash.destroy());
  const acted = new Promise<void>((resolve) => {
    child.once('error', () => resolve());
    child.stdout.once('data', () => child.stdout.destroy());
    child.stdout.once('close', () => resolve());
  });
  // It may outlive this process, which need not wait for it.
  child.unref();
  return {
    reap(after) {
      if (leash.writableEnded) return;
      if (after === 'gone') leash.end('gone\n');
      else leash.end();
    },
    acted,
  };
}
