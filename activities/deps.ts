import type { Client } from '@temporalio/client';
import type {
  ConfigUpdate,
  ConnectionRef,
  ConnectorRef,
  Destination,
  EndName,
  Epoch,
  JsonObject,
  Source,
} from '../protocol/index.ts';
import type { ConnectorInfo, RememberRequest } from '../workflows/messages.ts';
import type { Meters } from './meters.ts';

/** Where the connector logs of a sync go: rotated files in the worker's state directory. */
export interface LogPlace {
  /** Connection name, or `probe`. */
  readonly connection: string;
  /** Sync number; 0 for probes. */
  readonly syncNo: number;
}

/** Where a connector's own changes of its config are kept: the workflow of its connection. */
export interface ConfigRoad {
  readonly connection: ConnectionRef;
  /** Of the attempt that opens the end. Absent: a check or a discover. */
  readonly epoch?: Epoch;
  held(end: EndName): Promise<ConfigUpdate | null>;
  /** `superseded`: another one is kept since; nothing was changed. Throws a transient_error when Temporal does not answer in time. */
  remember(
    update: Omit<RememberRequest, 'connectionId' | 'epoch'>,
  ): Promise<
    { readonly type: 'kept' } | { readonly type: 'superseded'; readonly by: ConfigUpdate | null }
  >;
}

export type ConfigRoads = Readonly<Record<EndName, ConfigRoad | null>>;

interface OpenedEnd {
  /** As it is now: its connector may change it whenever it runs, so read this when it is used. */
  readonly config: JsonObject;
  /** What people should know of that config. */
  readonly notice?: string;
}

/** An end ready to use: secrets resolved, config checked against its spec. */
export interface OpenedSource extends OpenedEnd {
  readonly source: Source<JsonObject>;
}
export interface OpenedDestination extends OpenedEnd {
  readonly destination: Destination<JsonObject>;
}

/**
 * The connectors that this worker's own configuration names. `ref.config` still holds references; they are resolved here and only if
 * connectors.yaml allows that name for that connector. Throws config_errors of the right origin: unknown connector, refused config
 * (with the JSON path), secret missing or not allowed. `road` null: there is no stored connection; a connector that is known to change its
 * config is refused then.
 */
export interface Connectors {
  openSource(
    ref: ConnectorRef,
    log: LogPlace,
    signal: AbortSignal,
    road: ConfigRoad | null,
  ): Promise<OpenedSource>;
  openDestination(
    ref: ConnectorRef,
    log: LogPlace,
    signal: AbortSignal,
    road: ConfigRoad | null,
  ): Promise<OpenedDestination>;
  list(): readonly ConnectorInfo[];
  spec(connector: string, signal: AbortSignal): Promise<unknown>;
  /** The last lines of a connection's connector logs, newest last. */
  logs(connection: string, lines: number): Promise<string>;
  /** Text with every secret this process has resolved masked. */
  redact(text: string): string;
}

/** What the worker gives `createActivities`. */
export interface ActivityDeps {
  readonly connectors: Connectors;
  /** On a connection of its own, not an activity's: an activity's aborted signal must not cut the last commit. */
  readonly client: Client;
  readonly controlQueue: string;
  /** This process's own queue, for `read` and `logs`. */
  readonly hostQueue: string;
  /** The label whose queue this worker polls; default the host name. */
  readonly label: string;
  /** Host name and pid, for people. */
  readonly worker: string;
  /** Write activities that may run at the same time, whichever queue they come by. */
  readonly writersMax: number;
  readonly meters: Meters;
}
