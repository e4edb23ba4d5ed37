import { Runtime } from '@temporalio/worker';
import type { Logger } from '@temporalio/common';

/** Before any connection: the SDK logs through our logger, and leaves the signals to us. */
export function installRuntime(logger: Logger): void {
  Runtime.install({
    logger,
    shutdownSignals: [],
    telemetryOptions: { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } },
  });
}
