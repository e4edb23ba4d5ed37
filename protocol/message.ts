import type { Catalog } from './catalog.ts';
import type { JsonObject } from './json.ts';
import type { StreamDescriptor } from './stream.ts';
import type { StateMessage } from './state.ts';

/**
 * The Airbyte protocol as on the wire: snake_case with its camelCase islands. Every object may hold unknown properties; they are kept.
 * Source: airbyte_protocol.yaml, v0.18.
 */
export type Message =
  | RecordMessage
  | StateMessage
  | LogMessage
  | SpecMessage
  | ConnectionStatusMessage
  | CatalogMessage
  | TraceMessage
  | ControlMessage
  | DestinationCatalogMessage;

export type MessageType = Message['type'];

export const messageTypes: readonly MessageType[] = [
  'RECORD',
  'STATE',
  'LOG',
  'SPEC',
  'CONNECTION_STATUS',
  'CATALOG',
  'TRACE',
  'CONTROL',
  'DESTINATION_CATALOG',
];

/** Only for tests and tools: on the pipe records stay undecoded bytes in blocks. */
export interface RecordMessage {
  readonly type: 'RECORD';
  readonly record: {
    readonly stream: string;
    readonly namespace?: string | null;
    readonly data: JsonObject;
    /** Epoch ms. */
    readonly emitted_at: number;
    readonly meta?: { readonly changes?: readonly MetaChange[] };
  };
}

/** An entry of `_airbyte_meta.changes`. */
export interface MetaChange {
  readonly field: string;
  readonly change: 'NULLED' | 'TRUNCATED';
  readonly reason: string;
}

export interface LogMessage {
  readonly type: 'LOG';
  readonly log: {
    readonly level: 'FATAL' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG' | 'TRACE';
    readonly message: string;
    readonly stack_trace?: string;
  };
}

/** What a connector says of itself. `host_bound` is ours: this end lives on one host (a local file), so the sync must run there. */
export interface ConnectorSpecification {
  /** JSON Schema of the config; `airbyte_secret: true` marks secrets. */
  readonly connectionSpecification: JsonObject;
  readonly documentationUrl?: string;
  readonly supported_destination_sync_modes?: readonly string[];
  readonly protocol_version?: string;
  readonly host_bound?: boolean;
  readonly [key: string]: unknown;
}

export interface SpecMessage {
  readonly type: 'SPEC';
  readonly spec: ConnectorSpecification;
}

export interface ConnectionStatusMessage {
  readonly type: 'CONNECTION_STATUS';
  readonly connectionStatus: { readonly status: 'SUCCEEDED' | 'FAILED'; readonly message?: string };
}

export interface CatalogMessage {
  readonly type: 'CATALOG';
  readonly catalog: Catalog;
}

export type StreamStatus = 'STARTED' | 'RUNNING' | 'COMPLETE' | 'INCOMPLETE';

export interface StreamStatusReason {
  readonly type: string;
  readonly rate_limited?: { readonly quota_reset?: number };
}

/** `emitted_at` is epoch ms, possibly with a fraction. */
export interface TraceMessage {
  readonly type: 'TRACE';
  readonly trace: {
    readonly type: 'ERROR' | 'ESTIMATE' | 'STREAM_STATUS' | 'ANALYTICS';
    readonly emitted_at: number;
    readonly error?: {
      readonly message: string;
      readonly internal_message?: string | null;
      readonly stack_trace?: string | null;
      readonly failure_type?: 'config_error' | 'system_error' | 'transient_error';
      readonly stream_descriptor?: StreamDescriptor | null;
    };
    readonly estimate?: {
      readonly name: string;
      readonly namespace?: string | null;
      readonly type: 'STREAM' | 'SYNC';
      readonly row_estimate?: number;
      readonly byte_estimate?: number;
    };
    readonly stream_status?: {
      readonly stream_descriptor: StreamDescriptor;
      readonly status: StreamStatus;
      readonly reasons?: readonly StreamStatusReason[] | null;
    };
    readonly analytics?: JsonObject;
  };
}

/** A connector's changed config (a rotated token): to be persisted at once, merged by key. */
export interface ControlMessage {
  readonly type: 'CONTROL';
  readonly control: {
    readonly type: 'CONNECTOR_CONFIG';
    readonly emitted_at: number;
    readonly connectorConfig?: { readonly config: JsonObject };
  };
}

export interface DestinationCatalogMessage {
  readonly type: 'DESTINATION_CATALOG';
  readonly destination_catalog: { readonly operations: readonly JsonObject[] };
}
