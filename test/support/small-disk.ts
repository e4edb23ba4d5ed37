import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

const ballast = 'ballast';
const piece = Buffer.alloc(64 * 1024);

/** A disk of a few megabytes, so that a test can fill it: a tmpfs. Needs the right to mount. */
export interface SmallDisk {
  readonly directory: string;
  /** Takes all that is free, to the last block. */
  fill(): Promise<void>;
  /** True while nothing is free. */
  readonly isFull: boolean;
  /** Gives back what `fill` took. */
  free(): void;
  close(): void;
}

export function openSmallDisk(directory: string, bytes: number): SmallDisk {
  mkdirSync(directory, { recursive: true });
  try {
    const options = ['-t', 'tmpfs', '-o', `size=${bytes}`];
    execFileSync('mount', [...options, 'tidemark-test', directory], { stdio: 'pipe' });
  } catch (error) {
    rmSync(directory, { recursive: true });
    throw error;
  }
  const file = join(directory, ballast);
  return {
    directory,
    async fill() {
      for (let size = piece.length; size >= 1; size = size >> 1)
        try {
          for (;;) await appendFile(file, piece.subarray(0, size));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        }
    },
    get isFull() {
      return statfsSync(directory).bfree === 0;
    },
    free: () => rmSync(file, { force: true }),
    close() {
      execFileSync('umount', ['--lazy', directory]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Whether this machine lets us mount one. */
export function canMount(directory: string): boolean {
  try {
    openSmallDisk(directory, piece.length).close();
    return true;
  } catch {
    return false; // no right to, or no such thing here
  }
}
