import type { WriteOutcome } from '../protocol/index.ts';
import type {
  BeginActivityInput,
  BeginActivityResult,
  EndActivityInput,
  ProbeActivityInput,
  ProbeActivityResult,
  ReadActivityInput,
  ReadActivityResult,
  WriteActivityInput,
} from '../workflows/messages.ts';
import type { ActivityDeps } from './deps.ts';
import { begin, end } from './lease.ts';
import { createPipes } from './pipes.ts';
import { probe } from './probe.ts';
import { read } from './read.ts';
import { write } from './write.ts';
import { createWriters } from './writers.ts';

export type { ActivityDeps, Connectors } from './deps.ts';

/** The activities of one process. Readers find their writers only among the activities of one call: give all its workers the same ones. */
export function createActivities(deps: ActivityDeps) {
  const pipes = createPipes();
  const writers = createWriters(deps.writersMax, deps.worker);
  return {
    begin: (input: BeginActivityInput): Promise<BeginActivityResult> => begin(deps, input),
    end: (input: EndActivityInput): Promise<void> => end(deps, input),
    probe: (input: ProbeActivityInput): Promise<ProbeActivityResult> => probe(deps, input),
    write: (input: WriteActivityInput): Promise<WriteOutcome> =>
      writers.run(() => write({ deps, pipes }, input)),
    read: (input: ReadActivityInput): Promise<ReadActivityResult> => read({ deps, pipes }, input),
  };
}

/** Names and shapes are persisted: renaming one is a migration. */
export type Activities = ReturnType<typeof createActivities>;
