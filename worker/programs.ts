import { join } from 'node:path';
import type { LogPlace } from '../activities/deps.ts';
import type { Destination, Item, JsonObject, Source } from '../protocol/index.ts';
import type { WorkerConfig } from './config.ts';
import { openConnectorLog, readTail, type ConnectorLog } from './connector-log.ts';
import type { ConnectorEntry, ConnectorsFile } from './connectors-file.ts';
import { loggedSource } from './logged-source.ts';
import type { Redactor } from './redact.ts';
import type { Protocol } from './registry.ts';
import { protocolDestination, protocolSource, readSpec } from './runners/child.ts';
import { prepareDocker } from './runners/docker.ts';
import { sweepContainers } from './runners/docker-sweep.ts';
import { connectorEnvironment, namedEnvironment } from './runners/environment.ts';
import { resolveCommand } from './runners/exec.ts';
import { sweepPrivateDirectories } from './runners/private-directory.ts';
import { preparePypi } from './runners/pypi.ts';
import { noUpdates, type ConfigListener } from './runners/config-listener.ts';
import type { SessionOptions } from './runners/session.ts';

export interface ProgramsDeps {
  readonly config: WorkerConfig;
  readonly file: ConnectorsFile;
  readonly redactor: Redactor;
}

export interface Programs extends Protocol {
  /** Removes what dead workers of this host left; returns how many directories. */
  sweep(): number;
  /** Likewise their containers, if any connector runs in one. Throws a SyncError when it can't be found out. */
  sweepContainers(signal: AbortSignal): Promise<number>;
}

/** Python keeps 8 KiB of what it prints, which is all echoes of an hour: they would come when it ends. Sources print enough. */
const unbuffered = { PYTHONUNBUFFERED: '1' };

const endOf = ({ kind }: ConnectorEntry): 'source' | 'destination' => kind ?? 'source';

/** The connectors that are other programs, run as this worker's configuration says. */
export function createPrograms({ config, file, redactor }: ProgramsDeps): Programs {
  const privateRoot = join(config.stateDir, 'private');
  const logRoot = join(config.stateDir, 'logs');
  const { environment } = config;
  const constants = ({ kind }: ConnectorEntry): Record<string, string> =>
    kind === 'destination' ? unbuffered : {};

  const launchOf = async (
    entry: ConnectorEntry,
    log: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Pick<SessionOptions, 'command' | 'env' | 'exits'>> => {
    const { command, package: packageName, container, name: label } = entry;
    const { directory } = file;
    const end = endOf(entry);
    if (container !== null)
      return prepareDocker({
        ...{ program: config.docker, directory, environment, label, end, signal, log },
        ...{ settings: container, stateDir: privateRoot },
        env: namedEnvironment(entry.env, environment),
        // Its user need not have a home in the image.
        constants: { HOME: '/tmp', ...constants(entry) },
      });
    const env = { ...constants(entry), ...connectorEnvironment(entry.env, environment) };
    if (packageName === null) {
      const path = environment['PATH'] ?? '';
      return {
        command: resolveCommand({ ...{ command: command ?? [], directory, path, label, end } }),
        env,
      };
    }
    const [program = null, ...args] = command ?? [];
    const { cacheDir } = config;
    const installed = await preparePypi({
      ...{ package: packageName, end, command: program, cacheDir, log, signal, environment },
    });
    return { command: [installed, ...args], env };
  };
  const session = async (
    entry: ConnectorEntry,
    log: ConnectorLog,
    signal: AbortSignal,
    updates: ConfigListener,
  ): Promise<SessionOptions> => {
    const line = (text: string): void => log.line(entry.name, text);
    return {
      ...(await launchOf(entry, (text) => line(redactor.redact(text)), signal)),
      cwd: file.directory,
      label: entry.name,
      end: endOf(entry),
      stateDir: privateRoot,
      log: line,
      redact: (text) => redactor.redact(text),
      updates,
    };
  };
  const openLog = (place: LogPlace): ConnectorLog =>
    openConnectorLog({ directory: logRoot, ...place });

  return {
    async spec(entry, signal) {
      const log = openLog({ connection: 'probe', syncNo: 0 });
      try {
        return await readSpec(await session(entry, log, signal, noUpdates), signal);
      } finally {
        log.close();
      }
    },
    async source(entry, spec, place, signal, updates) {
      const log = openLog(place);
      const options = await session(entry, log, signal, updates);
      return closingLog(protocolSource({ ...options, spec }), log);
    },
    async destination(entry, spec, place, signal, updates) {
      const log = openLog(place);
      const options = await session(entry, log, signal, updates);
      return closingDestinationLog(protocolDestination({ ...options, spec }), log);
    },
    logged(entry, source, place) {
      const log = openLog(place);
      const redact = (text: string): string => redactor.redact(text);
      return closingLog(loggedSource(source, { label: entry.name, log, redact }), log);
    },
    note(entry, place, line) {
      const log = openLog(place);
      log.line(entry.name, redactor.redact(line));
      log.close();
    },
    logs: async (connection, lines) => readTail(logRoot, connection, lines),
    sweep: () => sweepPrivateDirectories(privateRoot),
    async sweepContainers(signal) {
      if (![...file.entries.values()].some(({ runner }) => runner === 'docker')) return 0;
      const { directory } = file;
      return sweepContainers({
        ...{ program: config.docker, directory, environment, signal, stateDir: privateRoot },
      });
    },
  };
}

/** The source, which lets go of its log's file after each run; the next one opens it again. */
function closingLog(source: Source<JsonObject>, log: ConnectorLog): Source<JsonObject> {
  return {
    spec: source.spec,
    check: (config, signal) => source.check(config, signal).finally(() => log.close()),
    discover: (config, signal) => source.discover(config, signal).finally(() => log.close()),
    async *read(input): AsyncGenerator<Item, void, undefined> {
      try {
        yield* source.read(input);
      } finally {
        log.close();
      }
    },
  };
}

/** The same for a destination: a run of `write` lasts from its opening to its closing. */
function closingDestinationLog(
  destination: Destination<JsonObject>,
  log: ConnectorLog,
): Destination<JsonObject> {
  return {
    ...destination,
    check: (config, signal) => destination.check(config, signal).finally(() => log.close()),
    async open(input) {
      try {
        const writer = await destination.open(input);
        return {
          ...writer,
          get blockedMs() {
            return writer.blockedMs ?? 0;
          },
          close: () => writer.close().finally(() => log.close()),
        };
      } catch (error) {
        log.close();
        throw error;
      }
    },
  };
}
