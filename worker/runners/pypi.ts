import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SyncError } from '../../protocol/index.ts';
import { lock } from './process-lock.ts';
import { runToEnd, type Ran } from './run-to-end.ts';

export interface PypiOptions {
  /** `name==version`, perhaps with extras: `name[extra]==1.2.3`. */
  readonly package: string;
  readonly end: 'source' | 'destination';
  /** The program that the package installs; null: the package's name without `airbyte-`. */
  readonly command: string | null;
  /** Virtual environments are made under it, one a package and Python version. */
  readonly cacheDir: string;
  /** Takes lines about the progress. */
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
  /** Defaults to this process's. Only what package managers need of it is passed on. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Making an environment takes minutes at most. Milliseconds. */
const installMsMax = 20 * 60_000;
const pinned =
  /^([A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9,._-]+\])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*$/;
const passedOn =
  /^(?:PATH|HOME|LANG|LC_[A-Z]+|TMPDIR|TZ|PIP_\w+|UV_\w+|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|(?:https?|no|all)_proxy)$/i;

/**
 * The absolute path of a connector's program from PyPI, installed into a virtual environment of its own on first use. Workers that want the
 * same one at once wait for each other; one that was killed at it leaves nothing that another takes for finished. Throws a config_error for
 * a package without an exact version, without Python, or without the program, a transient one when it can't be installed.
 */
export async function preparePypi(options: PypiOptions): Promise<string> {
  try {
    return await prepare(options);
  } catch (error) {
    if (error instanceof SyncError || !options.signal.aborted) throw error;
    throw new SyncError('transient_error', 'Installing a connector was stopped on request.', {
      origin: 'tidemark',
      code: 'aborted',
      place: options.package,
      cause: error,
    });
  }
}

async function prepare(options: PypiOptions): Promise<string> {
  const { command, cacheDir, signal, log } = options;
  const [, name] = pinned.exec(options.package) ?? [];
  if (name === undefined) throw notPinned(options);
  const env = environmentFor(options.environment ?? process.env);
  const python = await pythonVersion(options, env);
  const venv = join(cacheDir, 'pypi', venvName(options.package, python));
  const program = join(venv, 'bin', command ?? name.replace(/^airbyte-/, ''));
  if (!isReady(venv)) {
    const release = await lock({
      path: `${venv}.lock`,
      signal,
      heldMsMax: installMsMax * 2,
      onWait: (owner) => log(`Waiting for ${owner}, which installs ${options.package}.`),
    });
    try {
      if (!isReady(venv)) await install(options, venv, env);
    } finally {
      release();
    }
  }
  if (existsSync(program)) return program;
  throw noProgram(options, program, venv);
}

const readyMark = '.ok';

/** Also false when the Python that it was made with has gone. */
function isReady(venv: string): boolean {
  return existsSync(join(venv, readyMark)) && existsSync(join(venv, 'bin', 'python'));
}

async function install(
  options: PypiOptions,
  venv: string,
  env: Record<string, string>,
): Promise<void> {
  const { log } = options;
  const begun = Date.now();
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(join(options.cacheDir, 'pypi'), { recursive: true });
  const python = join(venv, 'bin', 'python');
  const hasUv = (await run(['uv', '--version'], options, env)).code === 0;
  const steps = hasUv
    ? [
        ['uv', 'venv', '--quiet', '--python', 'python3', venv],
        ['uv', 'pip', 'install', '--python', python, options.package],
      ]
    : [
        ['python3', '-m', 'venv', venv],
        [python, '-m', 'pip', 'install', '--no-input', '--progress-bar', 'off', options.package],
      ];
  log(`Installing ${options.package} with ${hasUv ? 'uv' : 'pip'} into ${venv}.`);
  for (const step of steps) {
    const { code, lines } = await run(step, options, env, log);
    if (code !== 0) throw notInstalled(options, step, lines);
  }
  writeFileSync(join(venv, readyMark), '');
  log(`Installed ${options.package} in ${Math.round((Date.now() - begun) / 1000)} s.`);
}

function run(
  argv: readonly string[],
  { signal, cacheDir }: PypiOptions,
  env: Record<string, string>,
  log?: (line: string) => void,
): Promise<Ran> {
  mkdirSync(cacheDir, { recursive: true });
  return runToEnd({ argv, cwd: cacheDir, env }, { signal, msMax: installMsMax, log });
}

async function pythonVersion(options: PypiOptions, env: Record<string, string>): Promise<string> {
  const script = 'import sys; print("%d.%d.%d" % sys.version_info[:3])';
  const { code, lines } = await run(['python3', '-c', script], options, env);
  const version = lines.find((line) => /^\d+\.\d+\.\d+$/.test(line));
  if (code === 0 && version !== undefined) return version;
  throw new SyncError('config_error', 'There is no python3 to run a connector from PyPI.', {
    origin: options.end,
    place: options.package,
    remedy: "Install Python 3 with its venv module where the worker's PATH finds it.",
    facts: { code },
  });
}

function venvName(spec: string, python: string): string {
  const hash = createHash('sha256').update(`${spec}\n${python}`).digest('hex').slice(0, 8);
  return `${spec.replace(/[^A-Za-z0-9.-]+/g, '-')}-py${python}-${hash}`;
}

function environmentFor(
  from: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  // A package may run code while it is installed: the worker's secrets are none of its business.
  const chosen = Object.entries(from).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && passedOn.test(entry[0]),
  );
  return Object.fromEntries(chosen);
}

function notPinned({ package: spec, end }: PypiOptions): SyncError {
  return new SyncError('config_error', 'A connector from PyPI has no exact version.', {
    origin: end,
    place: spec,
    remedy: `Name one in connectors.yaml: package: airbyte-${end}-example==1.2.3. Newest releases may be broken, and each worker would get another.`,
  });
}

function notInstalled(
  { package: spec, end }: PypiOptions,
  step: readonly string[],
  lines: readonly string[],
): SyncError {
  const text = lines.join('\n');
  const isUnknown =
    /no matching distribution|no version of|not found in the package registry|requires-python|unsatisfiable/i;
  const isConfig = isUnknown.test(text);
  return new SyncError(
    isConfig ? 'config_error' : 'transient_error',
    'A connector could not be installed from PyPI.',
    {
      origin: end,
      place: spec,
      remedy: `${isConfig ? 'Correct its name or version, or use a Python that it supports.' : 'See whether the package index can be reached.'} The last lines of ${step[0]?.endsWith('uv') ? 'uv' : 'pip'}: ${text.slice(-1500)}`,
    },
  );
}

function noProgram({ package: spec, end }: PypiOptions, program: string, venv: string): SyncError {
  const others = readdirSync(join(venv, 'bin')).filter((name) =>
    /^(?:airbyte-)?(?:source|destination)-/.test(name),
  );
  return new SyncError('config_error', 'A package from PyPI has no such program.', {
    origin: end,
    place: `${spec}: ${program}`,
    remedy:
      others.length === 0
        ? 'It installs no connector: use another package.'
        : `Set command in connectors.yaml to one that it installs: ${others.join(', ')}.`,
  });
}
