import { describeFailure, SyncError } from '../../protocol/index.ts';
import type { SyncClient } from '../index.ts';
import { clean } from './format.ts';

/** What the command line touches of the world; tests bring their own. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  readonly isTerminal: boolean;
  /** Size of the terminal. */
  readonly columns: number;
  readonly rows: number;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths start here. */
  readonly directory: string;
  now(): number;
  /** Calls the listener at the first Ctrl-C only, so that a second one ends the program. Returns how to stop listening. */
  onInterrupt(listener: () => void): () => void;
  connect(taskQueue: string): Promise<SyncClient>;
  /** Asks the person, who types one line. null: nobody sits there. */
  readonly ask: ((question: string) => Promise<string>) | null;
  /** Runs a program of ours with the terminal handed over; resolves with its exit code. */
  run(script: URL, args: readonly string[]): Promise<number>;
}

export const exitCodes = { done: 0, failed: 1, config: 2, partial: 3 } as const;

/** What every verb gets. */
export interface Session {
  readonly io: Io;
  readonly json: boolean;
  /** Connects at the first use. */
  client(): Promise<SyncClient>;
}

/** Prints the answer: as one JSON value with --json, else as lines. */
export function answer(
  { io, json }: Session,
  value: unknown,
  lines: () => readonly string[],
): void {
  if (json) io.out(`${JSON.stringify(value)}\n`);
  else for (const line of lines()) io.out(`${line}\n`);
}

/** A remark for the person; it never mixes with an answer. */
export function remark({ io }: Session, text: string): void {
  io.err(`${clean(text)}\n`);
}

/** Says once which queue nobody polls. */
export function onUnpolled(session: Session): { onUnpolled(queue: string): void } {
  return {
    onUnpolled: (queue) =>
      remark(
        session,
        `Waiting: no worker polls the task queue ${queue}. Start one: tidemark worker (Ctrl-C stops waiting).`,
      ),
  };
}

/** Prints a failure and returns the exit code it stands for. */
export function printFailure(io: Io, json: boolean, error: unknown): number {
  if (error instanceof SyncError) {
    const failure = error.toFailure();
    if (json) io.out(`${JSON.stringify({ failure })}\n`);
    io.err(`error: ${clean(describeFailure(failure))}\n`);
    return failure.kind === 'config_error' ? exitCodes.config : exitCodes.failed;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  io.err(`error: this is a defect of tidemark, please report it:\n${text}\n`);
  return exitCodes.failed;
}
