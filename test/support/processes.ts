import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { workerNodeFlags } from '../../client/cli/run-script.ts';

/** On a machine that runs much else beside. */
const readyMsMax = 90_000;
const logCharsMax = 2_000_000;

/** The house itself: this file lies in test/support, or in dist/test/support when built. */
export function houseRoot(): string {
  const above = fileURLToPath(new URL('../../', import.meta.url));
  return existsSync(join(above, 'package.json')) ? above : join(above, '..');
}

/** A file of the build: processes run what is built. An absolute path is one of another build. */
export function builtFile(path: string): string {
  const file = resolve(houseRoot(), 'dist', path);
  if (existsSync(file)) return file;
  throw new Error(`${file} is absent. Build first: npm run build`);
}

export interface RunningProcess {
  readonly pid: number;
  /** Everything said so far on stdout and stderr. */
  said(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it is gone: its exit code, or the signal's name. */
  readonly exited: Promise<number | string>;
  /** SIGKILL, and resolves when it is gone. */
  kill(): Promise<void>;
}

export interface ProcessOptions {
  /** Below `dist`, or an absolute path. */
  readonly program: string;
  readonly args?: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Starts a program of the build. Its environment is what is given, with PATH. */
export function startProcess({
  program,
  args = [],
  directory,
  env,
}: ProcessOptions): RunningProcess {
  const child = spawn(process.execPath, [...workerNodeFlags, builtFile(program), ...args], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      if (text.length < logCharsMax) text += chunk.toString();
    });
  const exited = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | string);
  return {
    pid: child.pid!,
    said: () => text,
    signal: (signal) => void child.kill(signal),
    exited,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Resolves when the process has printed a text; rejects when it ends before. */
export async function untilSaid(process: RunningProcess, text: string): Promise<void> {
  let ended = false;
  void process.exited.then(() => (ended = true));
  const deadline = Date.now() + readyMsMax;
  while (!process.said().includes(text)) {
    if (ended || Date.now() > deadline)
      throw new Error(
        `${ended ? 'It ended' : 'It did not say in time'}: ${text}\n${process.said()}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly state: string;
  /** Tells apart two processes that had the same pid. */
  readonly startedAt: string;
}

function entryOf(pid: number): ProcessEntry | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state = '', parent = '', group = '', ...rest] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ');
    const startedAt = rest[16] ?? '';
    return { pid, parent: Number(parent), group: Number(group), state, startedAt };
  } catch (error) {
    // Gone while we looked.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

function allProcesses(): readonly ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => entryOf(Number(name)) ?? []);
}

/** The processes below a process, as they are now; `isAlive` tells later which of them are left. */
export function descendantsOf(pid: number): readonly ProcessEntry[] {
  const all = allProcesses();
  const found = new Map<number, ProcessEntry>();
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = all.filter((p) => parents.has(p.parent) && !found.has(p.pid));
    for (const child of children) found.set(child.pid, child);
    parents = new Set(children.map((child) => child.pid));
  }
  return [...found.values()];
}

/** False for what is gone, or dead and not yet collected. */
export function isRunning(was: { readonly pid: number; readonly startedAt?: string }): boolean {
  const now = entryOf(was.pid);
  if (now === null || now.state === 'Z') return false;
  return was.startedAt === undefined || now.startedAt === was.startedAt;
}

/** True for what SIGSTOP holds. */
export function isStopped({ pid }: { readonly pid: number }): boolean {
  return entryOf(pid)?.state === 'T';
}

/** Processes whose command line or working directory names the directory: whatever they were started by. */
export function processesIn(directory: string): readonly string[] {
  return allProcesses()
    .filter(({ state, pid }) => state !== 'Z' && pid !== process.pid)
    .flatMap(({ pid }) => {
      const command = textOf(`/proc/${pid}/cmdline`).replaceAll('\0', ' ');
      return command.includes(directory) ? [`${pid} ${command}`] : [];
    });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}

/** Peak resident memory of a process so far, in bytes. */
export function peakMemoryOf(pid: number): number {
  const found = /VmHWM:\s+(\d+) kB/.exec(textOf(`/proc/${pid}/status`));
  return Number(found?.[1] ?? 0) * 1024;
}

/** Resident memory of a process now, in bytes. */
export function residentMemoryOf(pid: number): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(textOf(`/proc/${pid}/status`));
  return Number(found?.[1] ?? 0) * 1024;
}

/** Of the kernel's figures below /proc; 100 wherever Linux runs. */
const ticksPerSecond = 100;

/** CPU time of a process so far, user and system, in seconds. */
export function cpuSecondsOf(pid: number): number {
  const stat = textOf(`/proc/${pid}/stat`);
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user ?? 0) + Number(system ?? 0)) / ticksPerSecond;
}

/** File descriptors that a process has open: files, sockets, pipes. */
export function openFilesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Every file below a directory, as paths relative to it. */
export function filesBelow(directory: string): readonly string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1));
}
