import type { Logger } from '@temporalio/common';
import { SyncError } from '../protocol/index.ts';
import { describeError } from './logger.ts';

/** Exit codes: 0 drained, 1 failed, 2 a person must correct the command line or the configuration. */
export const exitCodes = { drained: 0, failed: 1, config: 2 } as const;

/** After the drain's own bounds, the process ends even if the SDK hangs: a forced worker never lets go of its connection. */
const extraMs = 10_000;

/** Two signals closer than this are one: a terminal sends it to the whole group, and whoever started us may hand it on as well. */
const secondSignalMsMin = 200;

export interface Ending {
  /** Aborts at the first signal. */
  readonly stop: AbortSignal;
  /** How long from `stop` to the end at most. */
  readonly msMax: number;
}

/**
 * Ends the process well: the first SIGTERM, SIGINT or SIGHUP starts a drain that is bounded, a second one ends it at once, and so does what
 * nobody caught.
 */
export function endOnSignals(drainMsMax: number, logger: Logger): Ending {
  const controller = new AbortController();
  const msMax = drainMsMax + extraMs;
  let firstAt = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    const sinceFirstMs = performance.now() - firstAt;
    if (controller.signal.aborted && sinceFirstMs < secondSignalMsMin) return;
    if (controller.signal.aborted) {
      logger.warn('Ended at once by a second signal; what was not committed is read again', {
        signal,
      });
      process.exit(exitCodes.failed);
    }
    logger.info('Draining to a checkpoint; a second signal ends at once', { signal });
    setTimeout(() => {
      logger.error('Not drained within its bound; what was not committed is read again', { msMax });
      process.exit(exitCodes.failed);
    }, msMax).unref();
    firstAt = performance.now();
    controller.abort();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, onSignal);
  return { stop: controller.signal, msMax };
}

/** Ends the process when something was thrown that nobody caught. */
export function endOnUncaught(logger: Logger): void {
  const onUncaught = (error: unknown): void => {
    // IllegalStateError "Worker still in use" follows a forced shutdown: what it interrupted was logged before.
    logger.error('Uncaught error', { error: describeError(error) });
    process.exit(exitCodes.failed);
  };
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
}

export function exitCodeOf(error: unknown): number {
  const usage =
    isUsageError(error) || (error instanceof SyncError && error.kind === 'config_error');
  return usage ? exitCodes.config : exitCodes.failed;
}

/** An option that `parseArgs` refused. */
function isUsageError(error: unknown): boolean {
  const { code } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return code?.startsWith('ERR_PARSE_ARGS') === true;
}
