import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';

export interface Command {
  /** The program and its arguments; never run by a shell. No secrets: everybody on the host sees them. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absent: none. */
  readonly stdin?: 'none' | 'pipe';
}

/** How a program ended. A signal that killed it has its name here and 128 plus its number as code. */
export interface Exit {
  readonly code: number;
  readonly signal: string | null;
}

/** A program in a process group of its own, which dies with this process, however that dies. */
export interface WatchedProcess {
  readonly pid: number | undefined;
  /** null: it was given none. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Rejects when the program could not be started. */
  readonly exited: Promise<Exit>;
  readonly hasExited: boolean;
  /** To the program and all that it started. After its exit only SIGKILL still does something: it ends what it left behind. */
  signal(name: 'SIGTERM' | 'SIGKILL'): void;
}

/**
 * File descriptor 3 is a pipe from this process, and the shell's background job reads from it: when this process is gone, the pipe ends and the job
 * kills the group. So that the job outlives a SIGTERM to the group, it ignores it; so that the shell does, and can pass on how the program
 * ended, it traps it (a trap, unlike an ignored signal, is not inherited). The shell lets go of stdout: its end is the program's alone. So is
 * stdin, which goes by file descriptor 4: a shell gives none to what it runs in the background.
 */
const watcher = `
exec 4<&0 </dev/null
trap 'interrupted=yes' TERM INT HUP
( trap '' TERM INT HUP; read -r ignored <&3; kill -s KILL -- "-$$" ) 4<&- </dev/null >/dev/null 2>&1 &
"$@" <&4 3<&- 4<&- &
program=$!
exec 3<&- 4<&- >/dev/null 2>&1
while :; do
  interrupted=
  wait "$program"
  code=$?
  if [ -n "$interrupted" ] && kill -s 0 "$program"; then continue; fi
  exit "$code"
done
`;

export function startWatched({ argv, cwd, env, stdin = 'none' }: Command): WatchedProcess {
  const child = spawn('/bin/sh', ['-c', watcher, 'tidemark-connector', ...argv], {
    cwd,
    env,
    detached: true,
    stdio: [stdin === 'pipe' ? 'pipe' : 'ignore', 'pipe', 'pipe', 'pipe'],
  });
  const leash = child.stdio[3] as Readable;
  // The watcher's end closes with its group; nothing is ever read here.
  leash.on('error', () => leash.destroy());
  let hasExited = false;
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', (error) => {
      hasExited = true;
      leash.destroy();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      hasExited = true;
      resolve(exitOf(code, signal));
    });
  });
  // Whoever only wants it gone does not wait for this.
  exited.catch(() => undefined);
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdio[1] as Readable,
    stderr: child.stdio[2] as Readable,
    exited,
    get hasExited() {
      return hasExited;
    },
    signal(name) {
      if (!hasExited && child.pid !== undefined) signalGroup(child.pid, name);
      // Group numbers are used again once a group is empty, so the watcher, itself a member, kills what the program left behind.
      if (name === 'SIGKILL') leash.destroy();
    },
  };
}

function signalGroup(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function exitOf(code: number | null, signal: NodeJS.Signals | null): Exit {
  if (signal !== null) return { code: 128 + constants.signals[signal], signal };
  const killedBy = Object.entries(constants.signals).find(
    ([, number]) => number === (code ?? 0) - 128,
  );
  return { code: code ?? 0, signal: killedBy?.[0] ?? null };
}
