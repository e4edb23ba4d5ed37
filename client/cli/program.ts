import { Command, CommanderError } from 'commander';
import { addApply } from './apply.ts';
import { addCheck } from './check.ts';
import { addConnectors } from './connectors.ts';
import { exitCodes, printFailure, type Io } from './io.ts';
import { addInit } from './init.ts';
import { addPause } from './pause.ts';
import { addPlan } from './plan.ts';
import { addProcesses } from './processes.ts';
import { addRefresh } from './refresh.ts';
import { addSchedule } from './schedule.ts';
import { addSchema } from './schema.ts';
import { addState } from './state.ts';
import { addStatus } from './status.ts';
import { addSync } from './sync.ts';
import { examplesText, type Verbs } from './verb.ts';

/** Runs one command line (without `node tidemark`) and resolves with the exit code: 0 done, 1 failed, 2 usage or config error, 3 partial. */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  const verbs: Verbs = { io, outcome: { code: exitCodes.done } };
  try {
    await programOf(verbs).parseAsync([...args], { from: 'user' });
    return verbs.outcome.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.config;
    return printFailure(io, args.includes('--json'), error);
  }
}

function programOf(verbs: Verbs): Command {
  const { io } = verbs;
  const program = new Command('tidemark')
    .description('Copies data from any source to any destination and never loses its place.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .showHelpAfterError('(add --help for the options and examples)')
    .addHelpText(
      'after',
      [
        examplesText([
          'tidemark dev                              # Temporal and a worker on this machine',
          'tidemark init                             # write a connection file',
          'tidemark sync connections/orders.yaml     # apply it and sync',
          'tidemark status                           # what runs, what ran',
        ]),
        'Exit codes: 0 done, 1 failed, 2 usage or config error, 3 partial.',
        'Temporal is found by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and the other TEMPORAL_* variables or its profile file.',
      ].join('\n\n'),
    );
  addProcesses(program, verbs);
  addInit(program, verbs);
  addApply(program, verbs);
  addCheck(program, verbs);
  addPlan(program, verbs);
  addSync(program, verbs);
  addPause(program, verbs);
  addRefresh(program, verbs);
  addStatus(program, verbs);
  addState(program, verbs);
  addSchema(program, verbs);
  addSchedule(program, verbs);
  addConnectors(program, verbs);
  return program;
}
