import { readdirSync } from 'node:fs';

/** The names in a directory; none if it is not there, or no more. */
export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
