import { Runtime, type MetricsExporterConfig } from '@temporalio/worker';
import type { Logger } from '@temporalio/common';
import { notListening } from './address.ts';

/**
 * Before any connection: the SDK logs through our logger, and leaves the signals to us. `metricsAddress`: where it serves its own metrics for
 * Prometheus; null: nowhere. Throws a config_error when it cannot.
 */
export function installRuntime(logger: Logger, metricsAddress: string | null = null): void {
  const metrics = metricsAddress === null ? {} : { metrics: exporter(metricsAddress) };
  try {
    Runtime.install({
      logger,
      shutdownSignals: [],
      telemetryOptions: {
        logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} },
        ...metrics,
      },
    });
  } catch (cause) {
    if (metricsAddress === null) throw cause;
    throw notListening('temporalMetricsAddress', metricsAddress, cause);
  }
}

/** Named as Prometheus wants it: counters end with `_total`, durations are seconds. */
function exporter(bindAddress: string): MetricsExporterConfig {
  const named = { countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true };
  return { prometheus: { bindAddress, ...named } };
}
