import type { Writable } from 'node:stream';
import { SyncError } from '../../protocol/index.ts';
import type { ConfigListener } from './config-listener.ts';
import { createOutput, type Output } from './output.ts';
import { createPrivateDirectory, type PrivateDirectory } from './private-directory.ts';
import { startReaper, type Reaper } from './reaper.ts';
import { createTextLines } from './text-lines.ts';
import type { ExitMeanings } from './verdict.ts';
import { startWatched, type Command, type Exit, type WatchedProcess } from './watched-process.ts';

/** How a run of a connector is started. */
export interface Launch {
  /** What the connector's arguments are put behind. */
  readonly argv: readonly string[];
  /** A command that ends what this starts outside of its process group. It is run however the run ends, also by the worker's death. */
  readonly epilogue?: readonly string[];
}

/** What every run of a connector needs. */
export interface SessionOptions {
  /** One that needs to know the run's private directory is made for each run. */
  readonly command: readonly string[] | ((directory: PrivateDirectory) => Launch);
  readonly cwd: string;
  /** The whole environment of the connector. */
  readonly env: Readonly<Record<string, string>>;
  /** The connector's name, for people. */
  readonly label: string;
  /** Which end of a connection it is. */
  readonly end: 'source' | 'destination';
  /** Private directories are made under it. */
  readonly stateDir: string;
  /** Takes one line of the connector's log, already redacted. */
  readonly log: (line: string) => void;
  readonly redact: (text: string) => string;
  readonly updates: ConfigListener;
  readonly limits?: Partial<ChildLimits>;
  /** Exit codes that mean something of their own, where the connector has not said why it ended. */
  readonly exits?: ExitMeanings;
}

/** How long a connector may take over things that are no work. Milliseconds. */
export interface ChildLimits {
  /** From the end of its output, or a request to end, to its exit; then SIGTERM or SIGKILL. */
  readonly exitMsMax: number;
  /** From its exit until what it left behind, which still holds its stdout, is killed. */
  readonly leftoverMsMax: number;
  /** For `spec`, `check`, `discover` as a whole. */
  readonly specMsMax: number;
  readonly checkMsMax: number;
  readonly discoverMsMax: number;
}

export const childLimits: ChildLimits = {
  exitMsMax: 10_000,
  leftoverMsMax: 2_000,
  specMsMax: 2 * 60_000,
  checkMsMax: 10 * 60_000,
  discoverMsMax: 60 * 60_000,
};

/** One run of a connector. */
export interface Session {
  readonly output: Output;
  /** Its stdin, where it was asked for. */
  readonly input: Writable | null;
  readonly hasExited: boolean;
  /** Its last lines on stderr, redacted. */
  readonly lastWords: () => string;
  /** SIGTERM to the group, and SIGKILL if it is still there after `exitMsMax`. */
  terminate(): void;
  /** Kills the group and ends `output` with the reason. */
  stop(reason: Error): void;
  /** After the end of stdout: how it exited. A connector that stays is made to exit; then `stayed` is true. */
  finish(): Promise<{ readonly exit: Exit; readonly stayed: boolean }>;
  /** Kills what still runs and removes the private directory. Idempotent. */
  close(): Promise<void>;
}

/** Lines of stderr kept for a failure that has no other words. */
const lastWordsLinesMax = 10;
const lastWordsLengthMax = 2_000;
/** A killed process is waited for this long. Milliseconds. */
const killMsMax = 1_000;

/** `argumentsFrom` writes the files that the connector is to read, and names them. */
export function startSession(
  options: SessionOptions,
  argumentsFrom: (directory: PrivateDirectory) => readonly string[],
  stdin: Command['stdin'] = 'none',
): Session {
  const limits = { ...childLimits, ...options.limits };
  const directory = createPrivateDirectory(options.stateDir);
  const { cwd, env } = options;
  let child: WatchedProcess;
  let reaper: Reaper | null = null;
  try {
    const { argv, epilogue } = launchOf(options, directory);
    const whole = [...argv, ...argumentsFrom(directory)];
    if (epilogue !== undefined) reaper = startReaper({ argv: epilogue, cwd, env });
    child = startWatched({ argv: whole, cwd, env, stdin });
  } catch (error) {
    reaper?.reap('gone');
    directory.remove();
    throw startFailure(error, options);
  }
  let wasKilled = false;
  const kill = (): void => {
    wasKilled ||= !child.hasExited;
    child.signal('SIGKILL');
  };
  const output = createOutput(child.stdout);
  const words = followStderr(child, output, options);
  // Also when nobody pulls any more: the files go with the process, and then what it left behind.
  const exited = child.exited.finally(() => {
    directory.remove();
    reaper?.reap(wasKilled ? 'killed' : 'gone');
    setTimeout(() => child.signal('SIGKILL'), limits.leftoverMsMax).unref();
  });
  exited.catch((error: unknown) => output.stop(startFailure(error, options)));
  const exitWithin = (ms: number): Promise<Exit | null> => within(exited, ms);

  return {
    output,
    input: child.stdin,
    get hasExited() {
      return child.hasExited;
    },
    lastWords: () => words.join('\n').slice(-lastWordsLengthMax),
    terminate() {
      child.signal('SIGTERM');
      setTimeout(kill, limits.exitMsMax).unref();
    },
    stop(reason) {
      kill();
      output.stop(reason);
    },
    async finish() {
      const exit = await exitWithin(limits.exitMsMax);
      if (exit !== null) {
        await ended(child, limits.leftoverMsMax + killMsMax);
        return { exit, stayed: false };
      }
      child.signal('SIGTERM');
      if ((await exitWithin(limits.exitMsMax)) === null) kill();
      return { exit: await exited, stayed: true };
    },
    async close() {
      kill();
      await exitWithin(killMsMax).catch(() => null);
      if (reaper !== null) await within(reaper.acted, killMsMax);
      child.stdin?.destroy();
      output.close();
      child.stdout.destroy();
      child.stderr.destroy();
      directory.remove();
    },
  };
}

function launchOf({ command }: SessionOptions, directory: PrivateDirectory): Launch {
  return typeof command === 'function' ? command(directory) : { argv: command };
}

function followStderr(child: WatchedProcess, output: Output, options: SessionOptions): string[] {
  const words: string[] = [];
  const lines = createTextLines((line) => {
    const redacted = options.redact(line);
    words.push(redacted);
    if (words.length > lastWordsLinesMax) words.shift();
    options.log(redacted);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output.lives();
    lines.push(chunk);
  });
  child.stderr.once('end', () => lines.end());
  child.stderr.once('error', (error) => options.log(`stderr could not be read: ${error.message}`));
  return words;
}

/** Waits until the last words on stderr are in. */
async function ended(child: WatchedProcess, msMax: number): Promise<void> {
  if (child.stderr.readableEnded || child.stderr.destroyed) return;
  await within(new Promise((resolve) => child.stderr.once('close', resolve)), msMax);
}

/** null: not within the time. */
async function within<T>(promise: Promise<T>, msMax: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), msMax);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function startFailure(error: unknown, { label, end }: SessionOptions): SyncError {
  if (error instanceof SyncError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
  // Out of processes, memory or file descriptors: that passes. The rest is a wrong path or a full or forbidden disk.
  const passes = ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(code);
  return new SyncError(
    passes ? 'transient_error' : 'system_error',
    'The connector could not be started.',
    {
      origin: end,
      place: label,
      remedy: `See whether its directory and the worker's state directory exist and can be written (${code}).`,
      facts: { code },
      cause: error,
    },
  );
}
