import { Context } from '@temporalio/activity';
import { applicationFailure } from './failure.ts';

/** A task that is given back may go to another worker; this one asks for none until a slot is free. */
const giveBackMs = 1_000;

/** Counts the writers of a process. */
export interface Writers {
  /** Runs `work`, or gives its task back when the process has as many writers as it may. */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** `name`: the worker, for people. */
export function createWriters(max: number, name: string): Writers {
  let running = 0;
  return {
    async run(work) {
      if (running >= max) throw givenBack(max, name);
      running += 1;
      try {
        return await work();
      } finally {
        running -= 1;
      }
    },
  };
}

function givenBack(max: number, name: string): Error {
  return applicationFailure(
    {
      kind: 'transient_error',
      origin: 'tidemark',
      code: 'busy',
      message: 'The worker has no write slot free.',
      place: `${name}, ${max} in use`,
      remedy:
        'Nothing to do: the sync starts as soon as a worker is free. To have it start earlier, raise TIDEMARK_WRITE_SLOTS or start another worker.',
    },
    { attempt: Context.current().info.attempt, retryDelayMs: giveBackMs },
  );
}
