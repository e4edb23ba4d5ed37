import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/** A commit that has just become durable. */
export interface Committed {
  /** Epoch ms. */
  readonly at: number;
  readonly cursor: number;
}

/** Adds a line to a journal of commits. */
export function noteCommit(file: string, cursor: number): void {
  appendFileSync(file, `${JSON.stringify({ at: Date.now(), cursor } satisfies Committed)}\n`);
}

/** The commits so far, oldest first. */
export function commitsIn(file: string): readonly Committed[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Committed);
}
