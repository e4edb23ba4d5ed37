import { SyncError, type FailureKind } from '../../protocol/index.ts';
import { connectorEnvironment } from './environment.ts';
import { findProgram } from './exec.ts';
import { runToEnd, type Ran } from './run-to-end.ts';

/** Docker, or what takes its command line, as this host has it. */
export interface Engine {
  /** Absolute path. */
  readonly program: string;
  /** What the program itself needs. */
  readonly env: Readonly<Record<string, string>>;
  readonly isPodman: boolean;
  /** Its root is not this host's but an ordinary user. */
  readonly isRootless: boolean;
  /** Its containers' users are other ones on this host, unless told not to be. */
  readonly isRemapped: boolean;
}

export interface EngineOptions {
  /** `docker`, `podman`, or the path of either. */
  readonly program: string;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** For people: which connector needs it. */
  readonly label: string;
  readonly end: 'source' | 'destination' | 'tidemark';
  readonly signal: AbortSignal;
  readonly msMax: number;
}

/** Where its daemon is, how to reach it and registries, and who it is there. */
const passedOn =
  /^(?:DOCKER_\w+|CONTAINER_\w+|CONTAINERS_\w+|REGISTRY_AUTH_FILE|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|SSH_AUTH_SOCK|SSL_CERT_(?:FILE|DIR)|(?:https?|no|all)_proxy)$/i;

/**
 * Finds the engine and asks its daemon how it runs. Throws a config_error when there is none or its daemon may not be used, a transient one when
 * the daemon does not answer.
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const { environment, directory, signal, msMax } = options;
  const path = environment['PATH'] ?? '';
  const program = findProgram(options.program, { directory, path });
  if (program === null) throw noProgram(options);
  const named = Object.keys(environment).filter((name) => passedOn.test(name));
  const env = connectorEnvironment(named, environment);
  const ask = (...args: string[]): Promise<Ran> =>
    runToEnd({ argv: [program, ...args], cwd: directory, env }, { signal, msMax });
  const version = await ask('--version');
  const isPodman = /podman/i.test(version.lines.join(' '));
  const info = await ask(
    ...['info', '--format'],
    isPodman ? 'rootless={{.Host.Security.Rootless}}' : '{{json .SecurityOptions}}',
  );
  if (info.code !== 0) throw notUsable(options, info.lines);
  const told = info.lines.join(' ');
  const isRootless = /name=rootless|rootless=true/.test(told);
  return { program, env, isPodman, isRootless, isRemapped: told.includes('name=userns') };
}

function noProgram({ program, label, end }: EngineOptions): SyncError {
  return new SyncError('config_error', 'There is no docker to run a connector.', {
    origin: end,
    place: `${label}: ${program}`,
    remedy:
      "Install Docker where the worker's PATH finds it (docs.docker.com/engine/install), or Podman and set TIDEMARK_DOCKER=podman. " +
      'Or run a connector that needs neither: runner pypi, or exec.',
    facts: { program },
  });
}

function notUsable({ program, label, end }: EngineOptions, lines: readonly string[]): SyncError {
  const text = lines.join('\n');
  const [kind, message, remedy]: [FailureKind, string, string] =
    /permission denied|access is denied/i.test(text)
      ? [
          'config_error',
          'The worker may not use the daemon of docker.',
          "Let the worker's user use it (its group is docker, which is as good as root), or use a rootless one.",
        ]
      : [
          'transient_error',
          'The daemon of docker does not answer.',
          'Start it, or correct DOCKER_HOST of the worker.',
        ];
  return new SyncError(kind, message, {
    origin: end,
    place: `${label}: ${program}`,
    remedy: `${remedy} It said: ${text.slice(-500)}`,
    facts: { program },
  });
}
