import type { Command } from 'commander';
import { examplesText, type Verbs } from './verb.ts';

/** Beside this file once built: dist/client/cli and dist/worker. */
const scripts = {
  dev: new URL('../../worker/dev.js', import.meta.url),
  worker: new URL('../../worker/main.js', import.meta.url),
};

/** Verbs that are programs of their own; their options are theirs. */
export function addProcesses(program: Command, { io, outcome }: Verbs): void {
  const add = (name: keyof typeof scripts, summary: string, examples: readonly string[]): void => {
    program
      .command(name)
      .description(summary)
      .argument('[options...]', 'handed on as they are')
      .allowUnknownOption()
      .addHelpText('after', examplesText(examples))
      .action(async (args: string[]) => {
        outcome.code = await io.run(scripts[name], args);
      });
  };
  add('dev', 'start a Temporal server with its UI on this machine, and a worker', ['tidemark dev']);
  add('worker', 'run a worker; as many as you like, on any machine', [
    'tidemark worker',
    'TEMPORAL_ADDRESS=temporal.example.com:7233 tidemark worker',
  ]);
}
