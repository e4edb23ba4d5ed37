import {
  SyncError,
  type ConnectorSpecification,
  type JsonObject,
  type Source,
} from '../../protocol/index.ts';
import { ask } from './ask.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { readSource, type ReadOptions } from './read.ts';
import { childLimits, type SessionOptions } from './session.ts';

export interface ProtocolSourceOptions extends ReadOptions {
  readonly spec: ConnectorSpecification;
}

/** A source that is another program and speaks the Airbyte protocol: a child process per check, discover and read. */
export function protocolSource(options: ProtocolSourceOptions): Source<JsonObject> {
  const limits = { ...childLimits, ...options.limits };
  return {
    spec: options.spec,
    async check(config, signal) {
      const { connectionStatus } = await ask(options, {
        verb: 'check',
        argumentsFrom: withConfig(config),
        answer: 'CONNECTION_STATUS',
        msMax: limits.checkMsMax,
        signal,
      });
      if (connectionStatus.status === 'SUCCEEDED') return;
      throw refused(connectionStatus.message, options);
    },
    async discover(config, signal) {
      const { catalog } = await ask(options, {
        verb: 'discover',
        argumentsFrom: withConfig(config),
        answer: 'CATALOG',
        msMax: limits.discoverMsMax,
        signal,
      });
      return catalog;
    },
    read: (input) => readSource(options, input),
  };
}

/** What check and discover are given. */
const withConfig =
  (config: JsonObject) =>
  (directory: PrivateDirectory): readonly string[] => [
    '--config',
    directory.file('config.json', JSON.stringify(config)),
  ];

/** Specs are small; a larger one is a mistake. */
const specLengthMax = 4 * 1024 * 1024;

/** What a connector says of itself; it needs no config. */
export async function readSpec(
  options: SessionOptions,
  signal: AbortSignal,
): Promise<ConnectorSpecification> {
  const { spec } = await ask(options, {
    verb: 'spec',
    argumentsFrom: () => [],
    answer: 'SPEC',
    msMax: { ...childLimits, ...options.limits }.specMsMax,
    signal,
  });
  if (JSON.stringify(spec).length <= specLengthMax) return spec;
  throw new SyncError('system_error', 'The spec of the connector is too large.', {
    origin: 'source',
    place: options.label,
    facts: { lengthMax: specLengthMax },
  });
}

const statusLengthMax = 1000;

function refused(message: string | undefined, options: SessionOptions): SyncError {
  const text = message === undefined || message === '' ? 'The check failed.' : message;
  return new SyncError('config_error', options.redact(text).slice(0, statusLengthMax), {
    origin: 'source',
    place: options.label,
    remedy: "Correct the source's config, then check again.",
  });
}
