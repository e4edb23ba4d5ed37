#!/usr/bin/env node
import { createInterface } from 'node:readline';
import { createSyncClient, temporalOptions } from './index.ts';
import { runProgram } from './cli/program.ts';
import type { Io } from './cli/io.ts';
import { runScript } from './cli/run-script.ts';

/** On stderr: an answer in JSON goes elsewhere. Ctrl-C ends the program, Ctrl-D answers nothing. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  lines.on('SIGINT', () => process.exit(interruptedCode));
  try {
    return await new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      lines.question(question, resolve);
    });
  } finally {
    lines.close();
  }
}

/** 128 and the number of SIGINT. */
const interruptedCode = 130;
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
  ask: process.stdin.isTTY && process.stderr.isTTY ? ask : null,
  run: runScript,
};

// A reader such as `head` may close the pipe: that ends the program quietly.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runProgram(process.argv.slice(2), io);
