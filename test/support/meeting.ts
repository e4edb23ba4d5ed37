import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 5;
/** Who is met goes on by itself then: a test that never comes must not hold it for ever. */
const waitMsMax = 60_000;

/** Whom a test meets at an instant, and where that stood. */
export interface Met {
  readonly pid: number;
  /** Cursor of the last commit that was durable; 0: none was. */
  readonly durable: number;
}

const answerOf = (file: string): string => `${file}.go`;

/**
 * Waits at an instant for a test that does something just then: the first process that comes to the file waits there until the test lets it go;
 * whoever comes later passes.
 */
export async function meetAt(file: string, durable: number): Promise<void> {
  const met: Met = { pid: process.pid, durable };
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(met));
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  } finally {
    rmSync(draft);
  }
  const deadline = Date.now() + waitMsMax;
  while (!existsSync(answerOf(file)) && Date.now() < deadline) await sleep(pollMs);
}

/** Who waits at the file, or has waited there; null: nobody yet. */
export function metAt(file: string): Met | null {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Met) : null;
}

export function endMeeting(file: string): void {
  writeFileSync(answerOf(file), '');
}
