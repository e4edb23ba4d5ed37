import { SyncError } from '../../protocol/index.ts';
import type { SyncClient, SyncHandle, SyncView } from '../../client/index.ts';
import { runProgram } from '../../client/cli/program.ts';
import type { Io } from '../../client/cli/io.ts';
import { now } from './samples.ts';

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What the fake client was asked, in order. */
  readonly asked: readonly string[];
}

export interface Fakes {
  readonly client?: Partial<SyncClient>;
  readonly io?: Partial<Io>;
}

/** Runs a command line in this process against a client of the given methods; any other method fails the test. */
export async function run(
  args: readonly string[],
  { client = {}, io = {} }: Fakes = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  const asked: string[] = [];
  const code = await runProgram(args, {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isTerminal: false,
    columns: 100,
    rows: 30,
    environment: {},
    directory: process.cwd(),
    now: () => now,
    onInterrupt: () => () => undefined,
    ask: null,
    connect: async (taskQueue) => {
      asked.push(`connect ${taskQueue}`);
      return { close: async () => void asked.push('close'), ...client } as SyncClient;
    },
    run: async () => {
      throw new Error('No program was to be run.');
    },
    ...io,
  });
  return { code, out, err, asked };
}

export function fakeHandle(
  views: readonly SyncView[],
  changes: Partial<SyncHandle> = {},
): SyncHandle {
  return {
    connection: 'orders',
    workflowId: 'sync/orders',
    firstRunId: 'run-1',
    origin: 'started',
    result: async () => views.at(-1)!.summary!,
    status: async () => views[0]!,
    cancel: async () => undefined,
    async *watch({ signal } = {}) {
      for (const view of views) {
        if (signal?.aborted === true) return;
        yield view;
      }
    },
    ...changes,
  };
}

export function noSuchConnection(): SyncError {
  return new SyncError('config_error', 'There is no such connection or sync.', {
    origin: 'tidemark',
    place: 'orders',
    remedy: 'Apply it.',
  });
}
