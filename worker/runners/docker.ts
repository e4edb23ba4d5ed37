import { basename } from 'node:path';
import { SyncError } from '../../protocol/index.ts';
import { openEngine, type Engine, type EngineOptions } from './docker-engine.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { runToEnd } from './run-to-end.ts';
import type { Launch } from './session.ts';
import type { ExitMeanings } from './verdict.ts';

/** A connector's image and what its container may use. */
export interface ContainerSettings {
  /** With a tag or a digest. */
  readonly image: string;
  /** null: the engine's own. */
  readonly network: string | null;
  /** As docker writes it: `2g`. */
  readonly memory: string;
  /** Processors, perhaps a fraction. */
  readonly cpus: string;
}

export interface DockerOptions extends Omit<EngineOptions, 'msMax' | 'end'> {
  readonly end: 'source' | 'destination';
  readonly settings: ContainerSettings;
  /** Variables that its process is given, by name: their values are in nobody's list of processes. */
  readonly env: Readonly<Record<string, string>>;
  /** Variables whose values are no secret. */
  readonly constants: Readonly<Record<string, string>>;
  /** Under which private directories are made. */
  readonly stateDir: string;
  /** Takes lines about the progress. */
  readonly log: (line: string) => void;
}

/** How to run a connector's image, once it is here. */
export interface Prepared {
  readonly command: (directory: PrivateDirectory) => Launch;
  /** Of the engine's program, which hands on what is named to the container. */
  readonly env: Readonly<Record<string, string>>;
  readonly exits: ExitMeanings;
}

/** Asking the engine something. Milliseconds. */
export const askMsMax = 30_000;
const pullMsMax = 20 * 60_000;
/** Processes and threads of a container. */
const pidsMax = 4096;

/** Whose workers' containers are whose: those of one state directory. */
export const rootLabel = 'tidemark.root';
export const namePrefix = 'tidemark-';

/**
 * Has the engine pull the image if it is not there. Throws a config_error without an engine, without rights, or for an image that does not exist; a
 * transient one when the daemon or the registry can't be reached.
 */
export async function prepareDocker(options: DockerOptions): Promise<Prepared> {
  try {
    const engine = await openEngine({ ...options, msMax: askMsMax });
    await ensureImage(options, engine);
    const env = { ...options.env, ...engine.env };
    const command = (directory: PrivateDirectory): Launch => launch(options, engine, directory);
    return { command, env, exits: exitsOf(options) };
  } catch (error) {
    if (error instanceof SyncError || !options.signal.aborted) throw error;
    throw new SyncError('transient_error', 'Preparing a connector was stopped on request.', {
      origin: 'tidemark',
      code: 'aborted',
      place: options.settings.image,
      cause: error,
    });
  }
}

/** A name says which worker it belongs to, as that of the private directory does: by it a dead worker's containers are found. */
function launch(options: DockerOptions, engine: Engine, { path }: PrivateDirectory): Launch {
  const { settings, env, constants, end, stateDir, label } = options;
  const { image, network, memory, cpus } = settings;
  const name = `${namePrefix}${basename(path)}`;
  const mount = ['type=bind', `source=${path}`, `target=${path}`, 'readonly'];
  return {
    argv: [
      ...[engine.program, 'run', '--rm', '--init', '--pull', 'never', '--name', name],
      ...['--label', `${rootLabel}=${stateDir}`, '--label', `tidemark.connector=${label}`],
      ...(end === 'destination' ? ['--interactive'] : []),
      // Else the daemon writes every record to its own disk too.
      ...['--log-driver', 'none'],
      ...['--stop-timeout', '1'],
      ...usersOf(engine),
      ...['--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
      ...['--memory', memory, '--memory-swap', memory, '--cpus', cpus],
      ...['--pids-limit', String(pidsMax)],
      ...(network === null ? [] : ['--network', network]),
      ...['--mount', mount.map(csvField).join(',')],
      ...Object.entries(constants)
        .filter(([variable]) => env[variable] === undefined)
        .flatMap(([variable, value]) => ['--env', `${variable}=${value}`]),
      ...Object.keys(env).flatMap((variable) => ['--env', variable]),
      image,
    ],
    epilogue: [engine.program, 'rm', '--force', name],
  };
}

/** As this worker's user, or it could not read what only that one may. */
function usersOf({ isPodman, isRootless, isRemapped }: Engine): readonly string[] {
  const own = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  // There root is who runs the daemon: this user.
  if (isRootless && !isPodman) return ['--user', '0:0'];
  if (isRootless) return ['--userns', 'keep-id', '--user', own];
  return isRemapped ? ['--userns', 'host', '--user', own] : ['--user', own];
}

function csvField(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function ensureImage(options: DockerOptions, { program, env }: Engine): Promise<void> {
  const { directory: cwd, signal, log } = options;
  const { image } = options.settings;
  const inspect = [program, 'image', 'inspect', '--format', 'here', image];
  const here = await runToEnd({ argv: inspect, cwd, env }, { signal, msMax: askMsMax });
  if (here.code === 0) return;
  const begun = Date.now();
  log(`Pulling ${image}.`);
  const pull = { argv: [program, 'pull', image], cwd, env };
  const { code, lines } = await runToEnd(pull, { signal, msMax: pullMsMax, log });
  if (code !== 0) throw notPulled(options, lines);
  log(`Pulled ${image} in ${Math.round((Date.now() - begun) / 1000)} s.`);
}

function notPulled({ settings, end }: DockerOptions, lines: readonly string[]): SyncError {
  const text = lines.join('\n');
  const isUnknown =
    /manifest unknown|name unknown|(?:manifest|repository) .*not found|: not found$|does not exist|short-name|invalid reference|no matching manifest/im;
  const isForbidden = /denied|unauthorized|authentication required/i;
  const isConfig = isUnknown.test(text) || isForbidden.test(text);
  return new SyncError(
    isConfig ? 'config_error' : 'transient_error',
    'The image of a connector could not be pulled.',
    {
      origin: end,
      place: settings.image,
      remedy: `${isConfig ? "Correct its name or tag; if it is private, let the worker's user log in to its registry (docker login)." : 'See whether the registry can be reached.'} The last lines of the pull: ${text.slice(-1500)}`,
    },
  );
}

function exitsOf({ settings, end }: DockerOptions): ExitMeanings {
  const { image, memory } = settings;
  return {
    125: {
      message: 'The container of a connector could not be started.',
      remedy:
        "Its log holds what docker said. Its daemon must see the worker's state directory at the same path, and know the network that connectors.yaml names.",
    },
    126: {
      message: 'The entrypoint of an image cannot be run.',
      remedy: `See whether ${image} is an Airbyte connector, and one for this host's processor.`,
    },
    127: {
      message: 'The entrypoint of an image is not there.',
      remedy: `See whether ${image} is an Airbyte connector.`,
    },
    137: {
      message: `The container of the ${end} was killed.`,
      remedy: `Most often for want of memory: it may use ${memory}. Give it more (memory in connectors.yaml).`,
    },
  };
}
