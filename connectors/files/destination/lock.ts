import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SyncError } from '../../../protocol/index.ts';
import { aborted } from '../../kit/gather.ts';
import { codeOf } from './errors.ts';

/** Another writer holds the lock for the moment of a commit; longer than this, it hangs. */
const lockWaitMsMax = 5_000;
const lockPollMs = 20;

/**
 * Does the work while no other process, nor another loader of this one, does any under this lock. The lock is a directory that holds one
 * file, named by its owner: it appears whole by a rename, which fails onto a directory that is not empty. Whoever finds a dead owner
 * unlinks that one name, so that two that find it can't remove each other's lock.
 */
export async function withLock<T>(
  path: string,
  abort: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  const owner = await take(path, abort);
  try {
    return await work();
  } finally {
    await unlinkIfThere(join(path, owner));
    await removeIfEmpty(path);
  }
}

async function take(path: string, abort: AbortSignal): Promise<string> {
  for (const deadline = Date.now() + lockWaitMsMax; ; await sleep(lockPollMs)) {
    if (abort.aborted) throw aborted();
    const mine = await tryTake(path);
    if (mine !== null) return mine;
    const [owner] = await ownersOf(path);
    if (owner !== undefined && isDead(owner)) await unlinkIfThere(join(path, owner));
    else if (owner !== undefined && Date.now() > deadline) throw held(path, owner);
  }
}

async function tryTake(path: string): Promise<string | null> {
  const owner = `${hostname()}_${process.pid}_${startOf(process.pid) ?? ''}_${randomBytes(4).toString('hex')}`;
  const draft = await mkdtemp(`${path}.`);
  try {
    await writeFile(join(draft, owner), '');
    await rename(draft, path);
    return owner;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return null;
    throw error;
  }
}

async function ownersOf(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  }
}

interface Owner {
  readonly host: string;
  readonly pid: number;
  /** When it started, as the kernel counts; empty where the system does not tell. */
  readonly start: string;
}

function parsed(owner: string): Owner | null {
  const match = /^(.*)_(\d+)_(\d*)_[0-9a-f]{8}$/.exec(owner);
  return match === null ? null : { host: match[1]!, pid: Number(match[2]), start: match[3]! };
}

/** Of another host nobody can tell: its owner is asked to look. */
function isDead(name: string): boolean {
  const owner = parsed(name);
  if (owner === null || owner.host !== hostname()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it runs as somebody else.
    return codeOf(error) !== 'EPERM';
  }
  // A later process may have its number.
  return owner.start !== '' && startOf(owner.pid) !== owner.start;
}

/** null: it is gone, or the system does not tell. */
function startOf(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field, the command, may hold spaces and parentheses.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function held(path: string, name: string): SyncError {
  const owner = parsed(name);
  const isHere = owner?.host === hostname();
  const who =
    owner === null ? name : isHere ? `pid ${owner.pid}` : `pid ${owner.pid} on ${owner.host}`;
  return new SyncError('transient_error', 'Another process holds the lock on the files.', {
    origin: 'destination',
    place: `${path}, ${who}`,
    remedy: isHere
      ? 'End that process if it hangs; the sync retries by itself.'
      : 'If that process is gone for good, remove the directory of the lock; the sync retries by itself.',
    ...(owner !== null && { facts: { pid: owner.pid, host: owner.host } }),
  });
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Another may hold it by now: then it is not empty, and stays. */
async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) throw error;
  }
}
