import type { Logger } from '@temporalio/common';
import { loadConfig, logFormatFrom, type WorkerConfig } from './config.ts';
import { endOnSignals, endOnUncaught, exitCodeOf, exitCodes } from './exit.ts';
import { createLogger, describeError } from './logger.ts';
import { createRedactor, type Redactor } from './redact.ts';
import { installRuntime } from './runtime.ts';

export interface Process {
  readonly config: WorkerConfig;
  readonly redactor: Redactor;
  readonly logger: Logger;
  /** Aborts at the first signal: drain and end. */
  readonly stop: AbortSignal;
}

/** What a process of ours does: its command line, then its work until `stop`. */
export interface ProcessWork<O> {
  readonly name: string;
  readonly readOptions: () => O;
  readonly run: (process: Process, options: O) => Promise<void>;
}

/** The frame of a process: logs on stderr, a drain at the first signal. Resolves with the exit code. */
export async function runProcess<O>({ name, readOptions, run }: ProcessWork<O>): Promise<number> {
  const redactor = createRedactor();
  const write = (line: string): void => void process.stderr.write(`${line}\n`);
  let logger: Logger = createLogger({ level: 'INFO', format: logFormatFrom(), redactor, write });
  endOnUncaught(logger);
  try {
    const options = readOptions();
    const config = loadConfig();
    config.keys.mask((key) => redactor.remember(key));
    logger = createLogger({ level: config.logLevel, format: config.logFormat, redactor, write });
    installRuntime(logger, config.temporalMetricsAddress);
    const { stop } = endOnSignals(config.shutdownForceMs, logger);
    await run({ config, redactor, logger, stop }, options);
    logger.info('Drained');
    return exitCodes.drained;
  } catch (error) {
    logger.error(`${name} ended`, { error: describeError(error) });
    return exitCodeOf(error);
  }
}
