import { Option, type Command } from 'commander';
import { defaultTaskQueue } from '../../workflows/messages.ts';
import type { SyncClient } from '../index.ts';
import type { Io, Session } from './io.ts';

/** Where verbs leave the exit code. */
export interface Outcome {
  code: number;
}

export interface Verbs {
  readonly io: Io;
  readonly outcome: Outcome;
}

export type Options = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Verb {
  /** As commander writes it: `status [name]`. */
  readonly usage: string;
  readonly summary: string;
  readonly examples: readonly string[];
  readonly options?: readonly Option[];
  /** Returns the exit code. */
  act(session: Session, args: readonly (string | undefined)[], options: Options): Promise<number>;
}

/** Adds a verb that talks to Temporal and prints; all have --json, --task-queue and examples. */
export function addVerb(parent: Command, { io, outcome }: Verbs, verb: Verb): void {
  const command = parent
    .command(verb.usage)
    .description(verb.summary)
    .addOption(new Option('--json', 'print JSON'))
    .addOption(
      new Option('--task-queue <name>', "the workers' task queue (TIDEMARK_TASK_QUEUE)").default(
        io.environment['TIDEMARK_TASK_QUEUE'] || defaultTaskQueue,
      ),
    )
    .addHelpText('after', examplesText(verb.examples));
  for (const option of verb.options ?? []) command.addOption(option);
  command.action(async (...given: unknown[]) => {
    const options = command.opts<Options>();
    const args = given.slice(0, -2) as (string | undefined)[];
    let client: Promise<SyncClient> | undefined;
    const session: Session = {
      io,
      json: options['json'] === true,
      client: () => (client ??= io.connect(String(options['taskQueue']))),
    };
    try {
      outcome.code = await verb.act(session, args.flat(), options);
    } finally {
      const opened = await client?.catch(() => undefined);
      await opened?.close();
    }
  });
}

export function examplesText(examples: readonly string[]): string {
  return `\nExamples:\n${examples.map((line) => `  $ ${line}`).join('\n')}`;
}
