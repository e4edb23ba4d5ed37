import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { lock } from '../../worker/runners/process-lock.ts';
import {
  createPrivateDirectory,
  sweepPrivateDirectories,
} from '../../worker/runners/private-directory.ts';
import { built } from './built.ts';
import { alive, eventually } from './eventually.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-orphans-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** A number that no process has: beyond the kernel's limit. */
const deadPid = 2 ** 22 + 1;
const hostTag = hostname().replace(/[^A-Za-z0-9]/g, '_');

test('a connector and what it started die with a worker that is killed', async () => {
  const connector = join(directory, 'connector.mjs');
  writeFileSync(
    connector,
    `import { spawn } from 'node:child_process';
     import { writeFileSync, renameSync } from 'node:fs';
     process.on('SIGTERM', () => {});
     const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
     writeFileSync('draft', process.pid + ' ' + child.pid); renameSync('draft', 'pids');
     setInterval(() => {}, 1000);`,
  );
  const worker = join(directory, 'worker.mjs');
  writeFileSync(
    worker,
    `import { startWatched } from ${JSON.stringify(built('worker/runners/watched-process.js'))};
     startWatched({ argv: [process.execPath, ${JSON.stringify(connector)}], cwd: ${JSON.stringify(directory)}, env: {} });
     setInterval(() => {}, 1000);`,
  );
  const parent = spawn(process.execPath, [worker], { stdio: 'inherit' });
  await eventually('the connector runs', () => existsSync(join(directory, 'pids')));
  const pids = readFileSync(join(directory, 'pids'), 'utf8').split(' ').map(Number);
  expect(pids.every(alive)).toBe(true);
  parent.kill('SIGKILL');
  await eventually('both are gone', () => !pids.some(alive), 2_000);
});

test('sweeps private directories of dead processes, and no others', () => {
  const own = createPrivateDirectory(directory);
  const kept = own.file('config.json', '{}');
  const name = (host: string, pid: number, start: string): string =>
    join(directory, `${host}-${pid}-${start}-0123456789abcdef`);
  const dead = [name(hostTag, deadPid, '1'), name(hostTag, process.pid, '1')];
  const foreign = [name('elsewhere', deadPid, '1'), join(directory, 'something')];
  for (const path of [...dead, ...foreign]) mkdirSync(path);
  expect(sweepPrivateDirectories(directory)).toBe(2);
  expect(dead.some((path) => existsSync(path))).toBe(false);
  expect([...foreign, kept].every((path) => existsSync(path))).toBe(true);
  expect(sweepPrivateDirectories(join(directory, 'absent'))).toBe(0);
});

const lockOptions = (signal = new AbortController().signal) => ({
  path: join(directory, 'a.lock'),
  signal,
  heldMsMax: 60_000,
  onWait: () => undefined,
});

test('a lock lets one in at a time', async () => {
  let inside = 0;
  let most = 0;
  const enter = async (): Promise<void> => {
    const release = await lock(lockOptions());
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside -= 1;
    release();
  };
  await Promise.all([enter(), enter(), enter()]);
  expect(most).toBe(1);
  expect(existsSync(join(directory, 'a.lock'))).toBe(false);
});

test('a lock of a dead process is taken over, one of another host is waited for', async () => {
  const { path } = lockOptions();
  mkdirSync(path);
  writeFileSync(join(path, `${hostname()}_${deadPid}_1_0123abcd`), '');
  (await lock(lockOptions()))();
  mkdirSync(path);
  writeFileSync(join(path, `elsewhere_1_1_0123abcd`), '');
  const stop = new AbortController();
  const waiting = lock(lockOptions(stop.signal));
  stop.abort();
  await expect(waiting).rejects.toThrow();
});
