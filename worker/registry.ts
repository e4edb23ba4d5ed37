import type { ConfigRoad, Connectors, LogPlace } from '../activities/deps.ts';
import {
  SyncError,
  type ConnectorRef,
  type ConnectorSpecification,
  type Destination,
  type EndName,
  type JsonObject,
  type Source,
} from '../protocol/index.ts';
import { refuseAmbient } from './ambient.ts';
import type { Environment } from './config.ts';
import { entryOf, fileName, type ConnectorEntry, type ConnectorsFile } from './connectors-file.ts';
import { confinePaths } from './directories.ts';
import type { KeyRing } from './keys.ts';
import { openOwnConfig, type OwnConfig } from './own-config.ts';
import type { Redactor } from './redact.ts';
import type { ConfigListener } from './runners/config-listener.ts';
import { resolveSecrets } from './secrets.ts';
import { validateConfig } from './validate.ts';

/** The ends of a system that this project itself speaks to, each loaded when it is called for. */
export interface Native {
  readonly source?: () => Promise<Source<JsonObject>>;
  readonly destination?: () => Promise<Destination<JsonObject>>;
}
export type Natives = Readonly<Record<string, Native>>;

/** Ends that are other programs (exec, pypi and docker), and the logs of all. */
export interface Protocol {
  /** Runs the connector's `spec` once; pypi and docker: has it installed or pulled first. */
  spec(entry: ConnectorEntry, signal: AbortSignal): Promise<ConnectorSpecification>;
  source(
    entry: ConnectorEntry,
    spec: ConnectorSpecification,
    log: LogPlace,
    signal: AbortSignal,
    updates: ConfigListener,
  ): Promise<Source<JsonObject>>;
  destination(
    entry: ConnectorEntry,
    spec: ConnectorSpecification,
    log: LogPlace,
    signal: AbortSignal,
    updates: ConfigListener,
  ): Promise<Destination<JsonObject>>;
  /** A native source, whose messages go where those of other programs go. */
  logged(entry: ConnectorEntry, source: Source<JsonObject>, log: LogPlace): Source<JsonObject>;
  /** One line into the connector's log. */
  note(entry: ConnectorEntry, log: LogPlace, line: string): void;
  /** The last lines of a connection's connector logs. */
  logs(connection: string, lines: number): Promise<string>;
}

export interface RegistryDeps {
  readonly file: ConnectorsFile;
  readonly natives: Natives;
  readonly protocol: Protocol;
  readonly environment: Environment;
  readonly redactor: Redactor;
  readonly keys: KeyRing;
}

/** The connectors that this worker may use; see `Connectors` for what its callers are promised. */
export function createConnectors(deps: RegistryDeps): Connectors {
  const { file, natives, protocol, redactor } = deps;
  const specs = new Map<string, ConnectorSpecification>();
  const sending = new Map<string, Promise<unknown>>();
  // Only a success is kept: what failed may be there the next time.
  const specOf = async (
    entry: ConnectorEntry,
    signal: AbortSignal,
  ): Promise<ConnectorSpecification> => {
    const spec = specs.get(entry.name) ?? (await protocol.spec(entry, signal));
    specs.set(entry.name, spec);
    return spec;
  };
  const ready = (
    ref: ConnectorRef,
    entry: ConnectorEntry,
    spec: ConnectorSpecification,
    origin: EndName,
  ): JsonObject => {
    const schema = spec.connectionSpecification;
    const connector = entry.name;
    const { environment } = deps;
    const config = resolveSecrets(ref.config, schema, {
      entry,
      file,
      environment,
      redactor,
      origin,
    });
    validateConfig(config, schema, { connector, origin });
    if (entry.runner === 'native') refuseAmbient(config, schema, { entry, file, origin });
    return confinePaths(config, schema, { connector, file, origin });
  };
  const ownConfig = (
    entry: ConnectorEntry,
    end: EndName,
    { connectionSpecification: schema }: ConnectorSpecification,
    opening: {
      readonly applied: JsonObject;
      readonly log: LogPlace;
      readonly road: ConfigRoad | null;
    },
  ): Promise<OwnConfig> => {
    const { applied, log, road } = opening;
    const { name: connector, rotates } = entry;
    const { keys } = deps;
    return openOwnConfig({
      ...{ end, connector, applied, schema, keys, redactor, road, rotates, sending },
      log: (line) => protocol.note(entry, log, line),
    });
  };
  return {
    async openSource(ref, log, signal, road) {
      const entry = entryFor(ref, 'source', file);
      if (entry.runner === 'native') {
        const source = await nativeEnd(natives, entry, 'source')();
        const config = ready(ref, entry, source.spec, 'source');
        return { source: protocol.logged(entry, source, log), config };
      }
      const spec = await specOf(entry, signal);
      // First the config: a refused one installs and starts nothing.
      const applied = ready(ref, entry, spec, 'source');
      const own = await ownConfig(entry, 'source', spec, { applied, log, road });
      const source = await protocol.source(entry, spec, log, signal, own);
      return withConfig({ source }, own);
    },
    async openDestination(ref, log, signal, road) {
      const entry = entryFor(ref, 'destination', file);
      if (entry.runner === 'native') {
        const destination = await nativeEnd(natives, entry, 'destination')();
        return { destination, config: ready(ref, entry, destination.spec, 'destination') };
      }
      const spec = await specOf(entry, signal);
      const applied = ready(ref, entry, spec, 'destination');
      const own = await ownConfig(entry, 'destination', spec, { applied, log, road });
      const destination = await protocol.destination(entry, spec, log, signal, own);
      return withConfig({ destination }, own);
    },
    list: () =>
      [...file.entries.values()].map((entry) => ({
        name: entry.name,
        kind: kindOf(entry, natives),
        runner: entry.runner,
        // Without the arguments: they may hold what only this worker's owner should see.
        detail: entry.container?.image ?? entry.package ?? entry.command?.[0] ?? 'part of Tidemark',
      })),
    async spec(connector, signal) {
      const entry = entryOf(file, connector, 'tidemark');
      if (entry.runner !== 'native') return specOf(entry, signal);
      const { source, destination } = natives[entry.name] ?? {};
      const ofSource = (await source?.())?.spec;
      const ofDestination = (await destination?.())?.spec;
      return ofSource !== undefined && ofDestination !== undefined
        ? { source: ofSource, destination: ofDestination }
        : (ofSource ?? ofDestination);
    },
    logs: (connection, lines) => protocol.logs(connection, lines),
    redact: (text) => redactor.redact(text),
  };
}

/** The end with its config, which is read anew each time: the connector may have changed it. */
function withConfig<T extends object>(
  opened: T,
  own: OwnConfig,
): T & { readonly config: JsonObject; readonly notice?: string } {
  return {
    ...opened,
    ...(own.notice !== null && { notice: own.notice }),
    get config() {
      return own.current;
    },
  };
}

function entryFor(ref: ConnectorRef, end: EndName, file: ConnectorsFile): ConnectorEntry {
  const entry = entryOf(file, ref.connector, end);
  if (entry.kind === null || entry.kind === end) return entry;
  throw new SyncError('config_error', 'A connector is used as the end that it is not.', {
    origin: end,
    place: `${entry.name} is a ${entry.kind}, used as a ${end}`,
    remedy: `Use another connector, or correct its kind in ${fileName(file)}.`,
    facts: { connector: entry.name },
  });
}

function nativeEnd<E extends EndName>(
  natives: Natives,
  entry: ConnectorEntry,
  end: E,
): NonNullable<Native[E]> {
  const native = natives[entry.name]?.[end];
  if (native !== undefined) return native;
  const others = Object.keys(natives).filter((name) => natives[name]?.[end] !== undefined);
  throw new SyncError('config_error', 'A native connector has no such end.', {
    origin: end,
    place: `${entry.name} is no ${end}`,
    remedy:
      others.length > 0
        ? `Native connectors that are a ${end}: ${others.join(', ')}.`
        : `Add a ${end} with runner exec, pypi or docker to connectors.yaml; none is native.`,
    facts: { connector: entry.name },
  });
}

function kindOf(entry: ConnectorEntry, natives: Natives): 'source' | 'destination' | 'both' {
  if (entry.kind !== null) return entry.kind;
  const { source, destination } = natives[entry.name] ?? {};
  if (source !== undefined && destination !== undefined) return 'both';
  return source === undefined ? 'destination' : 'source';
}
