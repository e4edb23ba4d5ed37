import { parseArgs } from 'node:util';
import type { Logger } from '@temporalio/common';
import { loadConfig, type WorkerConfig } from './config.ts';
import { endOnSignals, endOnUncaught, exitCodeOf, exitCodes } from './exit.ts';
import { createLogger, describeError } from './logger.ts';
import { createRedactor } from './redact.ts';
import type { Natives } from './registry.ts';
import { describeReady, runWorker } from './run.ts';
import { installRuntime } from './runtime.ts';

/** All that a worker's process does, up to its exit code. `--json`: the line that says it is ready is JSON. Logs go to stderr. */
export async function workerProcess(natives: Natives): Promise<number> {
  const redactor = createRedactor();
  const write = (line: string): void => void process.stderr.write(`${line}\n`);
  let logger: Logger = createLogger({ level: 'INFO', redactor, write });
  endOnUncaught(logger);
  try {
    const { json } = parseArgs({ options: { json: { type: 'boolean' } } }).values;
    const config: WorkerConfig = loadConfig();
    logger = createLogger({ level: config.logLevel, redactor, write });
    installRuntime(logger);
    const { stop } = endOnSignals(config.shutdownForceMs, logger);
    await runWorker({
      config,
      natives,
      redactor,
      logger,
      stop,
      onReady: (ready) => console.log(json === true ? JSON.stringify(ready) : describeReady(ready)),
    });
    logger.info('Drained');
    return exitCodes.drained;
  } catch (error) {
    logger.error('The worker ended', { error: describeError(error) });
    return exitCodeOf(error);
  }
}
