import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadClientConnectConfig, type ClientConnectConfig } from '@temporalio/envconfig';
import type { WorkerDeploymentVersion } from '@temporalio/common';
import { SyncError } from '../protocol/index.ts';
import { nearest } from '../protocol/nearest.ts';
import { keyVariable, readKeys } from './key-settings.ts';
import type { KeyRing } from './keys.ts';
import { settings, type LogFormat, type LogLevel, type Setting } from './settings.ts';
import { readYaml, type YamlValue } from './yaml-file.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything a worker process is told from outside. This file alone reads the environment. */
export interface WorkerConfig {
  readonly taskQueue: string;
  /** The path of connectors.yaml; null: none, only native connectors, without secrets and directories. */
  readonly connectorsFile: string | null;
  /** Connector logs and private directories. */
  readonly stateDir: string;
  /** Virtual environments and the `temporal` command; may be lost at any time. */
  readonly cacheDir: string;
  /** The program that runs connectors which are images. */
  readonly docker: string;
  readonly label: string;
  readonly writeSlots: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  readonly shutdownForceMs: number;
  /** `ip:port` of the endpoint for metrics and health; null: none. */
  readonly metricsAddress: string | null;
  /** `ip:port` where Temporal's SDK serves its own metrics; null: nowhere. */
  readonly temporalMetricsAddress: string | null;
  /** What connectors change in their configs is encrypted with them. */
  readonly keys: KeyRing;
  readonly temporal: TemporalAddress;
  /** By which Temporal knows this build; null: its workflows go to any worker. */
  readonly deployment: WorkerDeploymentVersion | null;
  /** Where the names that connectors.yaml allows are looked up. */
  readonly environment: Environment;
  /** Relative paths start here when there is no connectors.yaml. */
  readonly cwd: string;
  /** For the log: what is set and probably misspelt. */
  readonly warnings: readonly string[];
}

export interface TemporalAddress {
  readonly connectionOptions: ClientConnectConfig['connectionOptions'];
  readonly namespace: string;
}

const configVariable = 'TIDEMARK_CONFIG';
/** Of other programs of this project. */
const otherVariables: readonly string[] = [configVariable, keyVariable];
const shownLengthMax = 60;

/**
 * The configuration by environment and, below it, by the file `tidemark.yaml` (or what TIDEMARK_CONFIG names). Empty variables are unset.
 * Throws a config_error that names the variable, or the file with its line, the value and what is allowed.
 */
export function loadConfig(
  environment: Environment = process.env,
  cwd: string = process.cwd(),
): WorkerConfig {
  const file = configFile(environment, cwd);
  const values =
    file === null ? new Map<string, YamlValue>() : readYaml(file).map(file, keysOf(settings));
  const read = <T>(setting: Setting<T>): T => {
    const text = environment[setting.variable];
    if (text) return parsed(setting, text, cwd, setting.variable);
    const value = values.get(setting.key);
    if (value === undefined || file === null) return setting.byDefault(cwd);
    return parsed(
      setting,
      value.scalar(setting.key),
      dirname(file),
      `${value.place}: ${setting.key}`,
    );
  };
  return {
    taskQueue: read(settings.taskQueue),
    connectorsFile: read<string | null>(settings.connectorsFile),
    stateDir: read(settings.stateDir),
    cacheDir: read(settings.cacheDir),
    docker: read(settings.docker),
    label: read(settings.label),
    writeSlots: read(settings.writeSlots),
    logLevel: read<LogLevel>(settings.logLevel),
    logFormat: read<LogFormat>(settings.logFormat),
    shutdownForceMs: read(settings.shutdownForceMs),
    metricsAddress: read<string | null>(settings.metricsAddress),
    temporalMetricsAddress: read<string | null>(settings.temporalMetricsAddress),
    keys: readKeys(environment[keyVariable], read<string | null>(settings.keyFile)),
    temporal: temporalAddress(environment),
    deployment: deploymentOf(
      read<string | null>(settings.deploymentName),
      read<string | null>(settings.buildId),
    ),
    // Whatever connectors.yaml lists, no connector is given the key.
    environment: { ...environment, [keyVariable]: undefined },
    cwd,
    warnings: misspelt(environment),
  };
}

function deploymentOf(
  deploymentName: string | null,
  buildId: string | null,
): WorkerDeploymentVersion | null {
  if (deploymentName !== null && buildId !== null) return { deploymentName, buildId };
  if (deploymentName === null && buildId === null) return null;
  const [is, lacks] =
    buildId === null
      ? [settings.deploymentName, settings.buildId]
      : [settings.buildId, settings.deploymentName];
  throw new SyncError('config_error', 'Half of a worker deployment version is set.', {
    origin: 'tidemark',
    place: is.variable,
    remedy: `Set ${lacks.variable} (or ${lacks.key} in tidemark.yaml) too, or neither.`,
    facts: { variable: lacks.variable },
  });
}

/** Only the cache directory, for starting a dev server without a worker. */
export function cacheDirFrom(environment: Environment = process.env): string {
  const { cacheDir } = settings;
  const text = environment[cacheDir.variable];
  if (!text) return cacheDir.byDefault();
  return parsed(cacheDir, text, process.cwd(), cacheDir.variable);
}

/** For what is logged before the configuration is known, and when it is wrong: as the environment says, else text. */
export function logFormatFrom(environment: Environment = process.env): LogFormat {
  const { logFormat } = settings;
  return logFormat.parse(environment[logFormat.variable] ?? '') ?? logFormat.byDefault();
}

function configFile(environment: Environment, cwd: string): string | null {
  const named = environment[configVariable];
  if (!named) {
    const beside = join(cwd, 'tidemark.yaml');
    return existsSync(beside) ? beside : null;
  }
  return parsed({ ...settings.connectorsFile, key: 'config' }, named, cwd, configVariable);
}

function parsed<T>(setting: Setting<T>, text: string, base: string, place: string): T {
  const value = setting.parse(text, base);
  if (value !== undefined) return value;
  throw new SyncError('config_error', 'A setting of the worker has a value that is not allowed.', {
    origin: 'tidemark',
    place: `${place} = ${shown(text)}`,
    remedy: `Set ${setting.variable} (or ${setting.key} in tidemark.yaml) to ${setting.allowed}.`,
    facts: { variable: setting.variable },
  });
}

/** A value for people, unless it may be a secret put into the wrong place. */
function shown(text: string): string {
  const secretLike = /:\/\/[^/]*@|[A-Za-z0-9+/=_-]{24,}/.test(text) && !/^[./~]/.test(text);
  if (secretLike || text.length > shownLengthMax) return '(not shown)';
  return JSON.stringify(text);
}

function temporalAddress(environment: Environment): TemporalAddress {
  try {
    const { connectionOptions, namespace } = loadClientConnectConfig({
      overrideEnvVars: defined(environment),
    });
    return { connectionOptions: defined(connectionOptions), namespace: namespace ?? 'default' };
  } catch (cause) {
    throw new SyncError('config_error', 'The settings of the Temporal connection cannot be used.', {
      origin: 'tidemark',
      // Only the first line: a parser's next lines quote the file, which may hold an API key.
      place: String(cause instanceof Error ? cause.message : cause)
        .split('\n')[0]!
        .slice(0, 300),
      remedy: 'Correct the TEMPORAL_* variables or the profile file (TEMPORAL_CONFIG_FILE).',
    });
  }
}

/** Without the members that are undefined: the SDK takes them for values. */
function defined<T extends object>(object: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}

function misspelt(environment: Environment): string[] {
  const known = [...Object.values(settings).map(({ variable }) => variable), ...otherVariables];
  return Object.keys(environment)
    .filter((name) => name.startsWith('TIDEMARK_') && !known.includes(name))
    .flatMap((name) => {
      const meant = nearest(name, known);
      return meant === undefined
        ? []
        : [`${name} is set but means nothing. Did you mean ${meant}?`];
    });
}

function keysOf(all: typeof settings): string[] {
  return Object.values(all).map(({ key }) => key);
}
