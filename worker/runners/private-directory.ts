import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { entriesOf } from './entries.ts';
import { isRunning, ownIdentity } from './process-identity.ts';

/** Where a connector finds its config, catalog and state, which may hold secrets. Nobody else may read it. */
export interface PrivateDirectory {
  readonly path: string;
  /** Writes a file that only its owner may read; returns its path. */
  file(name: string, text: string): string;
  /** Idempotent. */
  remove(): void;
}

/** Made under `root`, named by host, process and its start, so that what a killed worker left can be told from what is in use. */
export function createPrivateDirectory(root: string): PrivateDirectory {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const { pid, start } = ownIdentity();
  const path = join(root, `${hostTag()}-${pid}-${start}-${randomBytes(8).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    file(name, text) {
      const file = join(path, name);
      writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}

/** Removes what dead workers of this host left; returns how many. Those of other hosts, whose processes it can't see, are theirs to sweep. */
export function sweepPrivateDirectories(root: string): number {
  const dead = entriesOf(root).filter(isOfDead);
  for (const name of dead) rmSync(join(root, name), { recursive: true, force: true });
  return dead.length;
}

/** Whether a directory's name is that of a worker of this host which is dead. */
export function isOfDead(name: string): boolean {
  const [, host, pid, start] = /^(.+)-(\d+)-(\d*)-[0-9a-f]{16}$/.exec(name) ?? [];
  return host === hostTag() && !isRunning({ pid: Number(pid), start: start ?? '' });
}

function hostTag(): string {
  return hostname().replace(/[^A-Za-z0-9]/g, '_');
}
