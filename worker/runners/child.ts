import {
  SyncError,
  type ConnectorSpecification,
  type Destination,
  type Guarantee,
  type JsonObject,
  type Source,
} from '../../protocol/index.ts';
import { ask } from './ask.ts';
import type { PrivateDirectory } from './private-directory.ts';
import { readSource } from './read.ts';
import { childLimits, type SessionOptions } from './session.ts';
import { openProtocolWriter } from './write.ts';
import type { WriteOptions } from './writing.ts';

export interface ProtocolSourceOptions extends SessionOptions {
  readonly spec: ConnectorSpecification;
}

/** A source that is another program and speaks the Airbyte protocol: a child process per check, discover and read. */
export function protocolSource(options: ProtocolSourceOptions): Source<JsonObject> {
  const limits = { ...childLimits, ...options.limits };
  return {
    spec: options.spec,
    check: (config, signal) => check(options, config, signal),
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

/** What holds for each of them, whatever it says of itself. */
const guarantee: Guarantee = {
  delivery: 'at least once',
  because:
    'it is another program, which commits when it likes: after a crash what it wrote past its last echo is sent again',
  verifiedOn:
    'airbyte-destination-ailake 0.1.16 and a program that misbehaves, both killed; not on this one',
  counts: 'where told',
};

/** A destination that is another program and speaks the Airbyte protocol: a child process per check and write. */
export function protocolDestination(options: WriteOptions): Destination<JsonObject> {
  return {
    spec: options.spec,
    guarantee,
    check: (config, signal) => check(options, config, signal),
    open: (input) => Promise.resolve().then(() => openProtocolWriter(options, input)),
  };
}

async function check(
  options: SessionOptions,
  config: JsonObject,
  signal: AbortSignal,
): Promise<void> {
  const { connectionStatus } = await ask(options, {
    verb: 'check',
    argumentsFrom: withConfig(config),
    answer: 'CONNECTION_STATUS',
    msMax: { ...childLimits, ...options.limits }.checkMsMax,
    signal,
  });
  if (connectionStatus.status === 'SUCCEEDED') return;
  throw refused(connectionStatus.message, options);
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
    origin: options.end,
    place: options.label,
    facts: { lengthMax: specLengthMax },
  });
}

const statusLengthMax = 1000;

function refused(message: string | undefined, options: SessionOptions): SyncError {
  const text = message === undefined || message === '' ? 'The check failed.' : message;
  return new SyncError('config_error', options.redact(text).slice(0, statusLengthMax), {
    origin: options.end,
    place: options.label,
    remedy: `Correct the ${options.end}'s config, then check again.`,
  });
}
