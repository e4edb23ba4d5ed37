import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { entriesOf } from './entries.ts';
import { isRunning, ownIdentity } from './process-identity.ts';

export interface LockOptions {
  /** A directory that stands for the lock; its parent must be there or creatable. */
  readonly path: string;
  readonly signal: AbortSignal;
  /** A lock of another host, whose processes can't be seen, is void after this. Milliseconds. */
  readonly heldMsMax: number;
  /** Called once, if the lock must be waited for. */
  onWait(owner: string): void;
}

const pollMs = 200;

/**
 * Takes a lock among processes; returns how to release it. The lock is a directory that holds one file, named by its owner: it appears
 * whole by a rename, which fails on a directory that is not empty. Whoever finds a dead owner unlinks that one name, so two that find it
 * can't remove each other's lock.
 */
export async function lock(options: LockOptions): Promise<() => void> {
  const { path, signal } = options;
  mkdirSync(dirname(path), { recursive: true });
  let hasWaited = false;
  for (;;) {
    signal.throwIfAborted();
    const release = tryLock(path);
    if (release !== null) return release;
    const owner = entriesOf(path)[0];
    if (owner !== undefined && isVoid(path, owner, options.heldMsMax)) {
      unlinkIfThere(join(path, owner));
      continue;
    }
    if (owner !== undefined && !hasWaited) options.onWait(owner);
    hasWaited = true;
    await sleep(pollMs, undefined, { signal });
  }
}

function tryLock(path: string): (() => void) | null {
  const draft = mkdtempSync(`${path}.`);
  const owner = ownerName();
  writeFileSync(join(draft, owner), '');
  try {
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
  return () => {
    unlinkIfThere(join(path, owner));
    removeIfEmpty(path);
  };
}

function ownerName(): string {
  const { pid, start } = ownIdentity();
  return `${hostname()}_${pid}_${start}_${randomBytes(4).toString('hex')}`;
}

function isVoid(path: string, owner: string, heldMsMax: number): boolean {
  const [, host, pid, start] = /^(.*)_(\d+)_(\d*)_[0-9a-f]{8}$/.exec(owner) ?? [];
  if (host === hostname()) return !isRunning({ pid: Number(pid), start: start ?? '' });
  try {
    return Date.now() - statSync(join(path, owner)).mtimeMs > heldMsMax;
  } catch {
    return false; // released meanwhile: the next turn sees it
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Another may hold it by now: then it is not empty, and stays. */
function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(code)) throw error;
  }
}
