#!/usr/bin/env node
import { createSyncClient, temporalOptions } from './index.ts';
import { runProgram } from './cli/program.ts';
import type { Io } from './cli/io.ts';
import { runScript } from './cli/run-script.ts';

/** For terminals that do not say their size, or say 0. */
const columnsDefault = 100;
const rowsDefault = 30;

const { stdout, stderr, env } = process;
const io: Io = {
  out: (text) => void stdout.write(text),
  err: (text) => void stderr.write(text),
  isTerminal: stdout.isTTY === true,
  get columns() {
    return stdout.columns || columnsDefault;
  },
  get rows() {
    return stdout.rows || rowsDefault;
  },
  environment: env,
  directory: process.cwd(),
  now: Date.now,
  onInterrupt(listener) {
    process.once('SIGINT', listener);
    return () => process.removeListener('SIGINT', listener);
  },
  connect: async (taskQueue) => createSyncClient({ client: temporalOptions(env), taskQueue }),
  run: runScript,
};

// A reader such as `head` may close the pipe: that ends the program quietly.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), io);
