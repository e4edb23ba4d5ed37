import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SyncError } from '../../protocol/index.ts';
import { sourceCommand, sourcePackage } from './manifest.ts';

const pythonMsMax = 20_000;

/** The demo's own directory, made anew by each run. Virtual environments are cached elsewhere. */
export interface DemoPlace {
  readonly directory: string;
  readonly database: string;
  readonly temporalDirectory: string;
  readonly logFile: string;
  readonly connectorsFile: string;
  readonly stateDirectory: string;
  /** Lets the next demo in. */
  leave(): void;
}

/** Throws when another demo runs here. */
export function enterPlace(directory = resolve('.tidemark', 'demo')): DemoPlace {
  const pidFile = join(directory, 'demo.pid');
  refuseSecond(pidFile);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  writeFileSync(pidFile, String(process.pid));
  const connectorsFile = join(directory, 'connectors.yaml');
  writeFileSync(
    connectorsFile,
    [
      'connectors:',
      '  birdstrikes:',
      '    kind: source',
      '    runner: pypi',
      `    package: ${sourcePackage}`,
      `    command: [${sourceCommand}]`,
      'directories: [.]',
      '',
    ].join('\n'),
  );
  return {
    directory,
    connectorsFile,
    database: join(directory, 'birds.duckdb'),
    temporalDirectory: join(directory, 'temporal'),
    logFile: join(directory, 'worker.log'),
    stateDirectory: join(directory, 'state'),
    leave: () => rmSync(pidFile, { force: true }),
  };
}

function refuseSecond(pidFile: string): void {
  if (!existsSync(pidFile)) return;
  const pid = Number(readFileSync(pidFile, 'utf8'));
  if (!isAlive(pid)) return;
  throw new SyncError('config_error', 'Another demo runs in this directory.', {
    origin: 'tidemark',
    place: `process ${pid}`,
    remedy: `Wait for it, or end it: kill ${pid}. If that is another program, remove ${pidFile}.`,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The source is a Python program: python3 must be able to make it a virtual environment with pip. */
export function requirePython(): string {
  const code = 'import ensurepip, venv, sys; print("%d.%d.%d" % sys.version_info[:3])';
  try {
    return execFileSync('python3', ['-c', code], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: pythonMsMax,
    }).trim();
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new SyncError(
      'config_error',
      missing ? 'python3 is missing.' : 'python3 has no pip or no venv.',
      {
        origin: 'source',
        place: 'python3',
        remedy:
          'Install it: sudo apt-get install -y python3 python3-venv python3-pip (macOS: brew install python). Then run the demo again.',
        cause,
      },
    );
  }
}
