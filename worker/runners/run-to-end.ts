import { createTextLines } from './text-lines.ts';
import { startWatched, type Command } from './watched-process.ts';

export interface RunLimits {
  readonly signal: AbortSignal;
  /** Then it is killed, which is an exit like another. Milliseconds. */
  readonly msMax: number;
  /** Takes each line that it prints. */
  readonly log?: ((line: string) => void) | undefined;
}

export interface Ran {
  readonly code: number;
  /** The last ones, of stdout and stderr as they came. */
  readonly lines: readonly string[];
}

const lastLinesMax = 15;

/**
 * Runs a helper program, such as an installer. It dies with this process: what a killed worker began can't go on beside the one that begins
 * anew. Rejects with the signal's reason, and when the program could not be started.
 */
export async function runToEnd(command: Command, { signal, msMax, log }: RunLimits): Promise<Ran> {
  signal.throwIfAborted();
  const child = startWatched(command);
  const lines: string[] = [];
  const text = createTextLines((line) => {
    lines.push(line);
    if (lines.length > lastLinesMax) lines.shift();
    log?.(line);
  });
  const stop = (): void => child.signal('SIGKILL');
  const timer = setTimeout(stop, msMax);
  signal.addEventListener('abort', stop, { once: true });
  try {
    const closed = [child.stdout, child.stderr].map(
      (stream) => new Promise((resolve) => stream.once('close', resolve)),
    );
    child.stdout.on('data', (chunk: Buffer) => text.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => text.push(chunk));
    const { code } = await child.exited;
    child.signal('SIGKILL');
    await Promise.all(closed);
    text.end();
    signal.throwIfAborted();
    return { code, lines };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}
