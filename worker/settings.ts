import { existsSync } from 'node:fs';
import { isIPv4, isIPv6 } from 'node:net';
import { homedir, hostname } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { defaultTaskQueue } from '../workflows/messages.ts';

export const logLevels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR'] as const;
export type LogLevel = (typeof logLevels)[number];
export const logFormats = ['text', 'json'] as const;
export type LogFormat = (typeof logFormats)[number];

/** One thing that may be set, by a variable or by a key of tidemark.yaml. */
export interface Setting<T> {
  readonly variable: string;
  readonly key: string;
  /** What is allowed, for people. */
  readonly allowed: string;
  /** undefined: not allowed. `base`: the directory that relative paths start from. */
  parse(text: string, base: string): T | undefined;
  /** The value when nothing is set. */
  byDefault(cwd: string): T;
}

const writeSlotsMax = 64;
const shutdownForceMsMin = 1_000;
const shutdownForceMsMax = 10 * 60_000;
const portMax = 65_535;
const nameLengthMax = 200;
const nameRule = `letters, digits and . _ @ -, at most ${nameLengthMax}`;
const deploymentRule = `letters, digits and _ @ -, at most ${nameLengthMax}`;
const addressRule = 'an IP address with a port, such as 127.0.0.1:9464 or [::]:9464';

/** Every setting of a worker process. */
export const settings = {
  taskQueue: {
    variable: 'TIDEMARK_TASK_QUEUE',
    key: 'task_queue',
    allowed: nameRule,
    parse: parseName,
    byDefault: () => defaultTaskQueue,
  } satisfies Setting<string>,
  connectorsFile: {
    variable: 'TIDEMARK_CONNECTORS',
    key: 'connectors',
    allowed: 'the path of a file that exists',
    parse(text: string, base: string): string | undefined {
      const path = parsePath(text, base);
      return path !== undefined && existsSync(path) ? path : undefined;
    },
    byDefault(cwd: string): string | null {
      const path = join(cwd, 'connectors.yaml');
      return existsSync(path) ? path : null;
    },
  } satisfies Setting<string | null>,
  stateDir: {
    variable: 'TIDEMARK_STATE_DIR',
    key: 'state_dir',
    allowed: 'a path',
    parse: parsePath,
    byDefault: () => join(homedir(), '.local', 'state', 'tidemark'),
  } satisfies Setting<string>,
  cacheDir: {
    variable: 'TIDEMARK_CACHE_DIR',
    key: 'cache_dir',
    allowed: 'a path',
    parse: parsePath,
    byDefault: () => join(homedir(), '.cache', 'tidemark'),
  } satisfies Setting<string>,
  docker: {
    variable: 'TIDEMARK_DOCKER',
    key: 'docker',
    allowed: 'docker, podman, or the path of either',
    parse: (text: string, base: string) => (text.includes('/') ? parsePath(text, base) : text),
    byDefault: () => 'docker',
  } satisfies Setting<string>,
  label: {
    variable: 'TIDEMARK_LABEL',
    key: 'label',
    allowed: nameRule,
    parse: parseName,
    byDefault: () => hostname(),
  } satisfies Setting<string>,
  writeSlots: {
    variable: 'TIDEMARK_WRITE_SLOTS',
    key: 'write_slots',
    allowed: `a whole number from 1 to ${writeSlotsMax}`,
    parse: (text: string) =>
      between(/^\d{1,9}$/.test(text) ? Number(text) : undefined, 1, writeSlotsMax),
    byDefault: () => 4,
  } satisfies Setting<number>,
  logLevel: {
    variable: 'TIDEMARK_LOG_LEVEL',
    key: 'log_level',
    allowed: `one of ${logLevels.join(', ')}`,
    parse: (text: string) => logLevels.find((level) => level === text.toUpperCase()),
    byDefault: (): LogLevel => 'INFO',
  } satisfies Setting<LogLevel>,
  logFormat: {
    variable: 'TIDEMARK_LOG_FORMAT',
    key: 'log_format',
    allowed: `one of ${logFormats.join(', ')}`,
    parse: (text: string) => logFormats.find((format) => format === text.toLowerCase()),
    byDefault: (): LogFormat => 'text',
  } satisfies Setting<LogFormat>,
  metricsAddress: {
    variable: 'TIDEMARK_METRICS_ADDRESS',
    key: 'metrics_address',
    allowed: addressRule,
    parse: parseAddress,
    byDefault: () => null,
  } satisfies Setting<string | null>,
  temporalMetricsAddress: {
    variable: 'TIDEMARK_TEMPORAL_METRICS_ADDRESS',
    key: 'temporal_metrics_address',
    allowed: addressRule,
    parse: parseAddress,
    byDefault: () => null,
  } satisfies Setting<string | null>,
  // These two are what Temporal's worker controller gives to the workers that it starts.
  deploymentName: {
    variable: 'TEMPORAL_DEPLOYMENT_NAME',
    key: 'deployment_name',
    allowed: deploymentRule,
    parse: parseDeployment,
    byDefault: () => null,
  } satisfies Setting<string | null>,
  buildId: {
    variable: 'TEMPORAL_WORKER_BUILD_ID',
    key: 'build_id',
    allowed: nameRule,
    parse: parseName,
    byDefault: () => null,
  } satisfies Setting<string | null>,
  keyFile: {
    variable: 'TIDEMARK_KEY_FILE',
    key: 'key_file',
    allowed: 'a path',
    parse: parsePath,
    byDefault: () => null,
  } satisfies Setting<string | null>,
  shutdownForceMs: {
    variable: 'TIDEMARK_SHUTDOWN_FORCE',
    key: 'shutdown_force',
    allowed: 'a duration from 1s to 10m, such as 30s',
    parse: (text: string) => between(durationMs(text), shutdownForceMsMin, shutdownForceMsMax),
    byDefault: () => 30_000,
  } satisfies Setting<number>,
};

function parseName(text: string): string | undefined {
  return /^[\w.@-]+$/.test(text) && text.length <= nameLengthMax ? text : undefined;
}

/** Temporal writes a version as `name.build`. */
function parseDeployment(text: string): string | undefined {
  return text.includes('.') ? undefined : parseName(text);
}

/** Temporal's own endpoint takes no names, so neither of the two does, but for the one that everybody knows. */
function parseAddress(text: string): string | undefined {
  const found = /^(?:localhost|([\d.]+)|\[([\da-fA-F:.]+)\]):([1-9]\d{0,4})$/.exec(text);
  if (found === null || Number(found[3]) > portMax) return undefined;
  const [, ipv4 = '127.0.0.1', ipv6, port] = found;
  if (ipv6 !== undefined) return isIPv6(ipv6) ? `[${ipv6}]:${port}` : undefined;
  return isIPv4(ipv4) ? `${ipv4}:${port}` : undefined;
}

function parsePath(text: string, base: string): string | undefined {
  if (text.includes('\0')) return undefined;
  if (text === '~' || text.startsWith('~/')) return join(homedir(), text.slice(1));
  return isAbsolute(text) ? text : resolve(base, text);
}

function between(value: number | undefined, min: number, max: number): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

const unitsMs = { ms: 1, s: 1_000, m: 60_000 } as const;

function durationMs(text: string): number | undefined {
  const found = /^(\d{1,9})(ms|s|m)$/.exec(text);
  return found === null ? undefined : Number(found[1]) * unitsMs[found[2] as keyof typeof unitsMs];
}
