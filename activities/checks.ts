import {
  asSyncError,
  type ConnectionSpec,
  type ConnectorRef,
  type EndName,
  type SyncError,
} from '../protocol/index.ts';
import type { CheckResult } from '../workflows/messages.ts';
import type { ConfigRoad, ConfigRoads, Connectors, LogPlace } from './deps.ts';
import { outgoing } from './failure.ts';

const probeLog = (spec: ConnectionSpec): LogPlace => ({ connection: spec.name, syncNo: 0 });

async function checkEnd(
  connectors: Connectors,
  end: EndName,
  ref: ConnectorRef,
  log: LogPlace,
  signal: AbortSignal,
  road: ConfigRoad | null,
): Promise<void> {
  if (end === 'source') {
    const { source, config } = await connectors.openSource(ref, log, signal, road);
    return source.check(config, signal);
  }
  const { destination, config } = await connectors.openDestination(ref, log, signal, road);
  return destination.check(config, signal);
}

/** Both ends pass, or the first failure is thrown. */
export async function checkEnds(
  connectors: Connectors,
  spec: ConnectionSpec,
  signal: AbortSignal,
  roads: ConfigRoads,
): Promise<void> {
  const log = probeLog(spec);
  await checkEnd(connectors, 'source', spec.source, log, signal, roads.source);
  await checkEnd(connectors, 'destination', spec.destination, log, signal, roads.destination);
}

/** How each end fares. */
export async function checkResults(
  connectors: Connectors,
  spec: ConnectionSpec,
  signal: AbortSignal,
  roads: ConfigRoads,
): Promise<readonly CheckResult[]> {
  const log = probeLog(spec);
  const resultOf = async (end: EndName, ref: ConnectorRef): Promise<CheckResult> => {
    const { connector } = ref;
    try {
      await checkEnd(connectors, end, ref, log, signal, roads[end]);
      return { end, connector, ok: true };
    } catch (error) {
      const known: SyncError = asSyncError(error, end);
      const failure = outgoing(known, (text) => connectors.redact(text));
      return { end, connector, ok: false, failure };
    }
  };
  return Promise.all([resultOf('source', spec.source), resultOf('destination', spec.destination)]);
}
