import { appendFileSync, existsSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { noteCommit } from './commit-journal.ts';
import { tell } from './exact-source-reader.ts';
import { meetAt } from './meeting.ts';
import { echoesFile, rowsFile, type PlainConfig, type PlainHook } from './plain-destination.ts';

// The plain destination's process: `plain-destination-main.js spec | check | write`, see PlainConfig.

const spec = {
  supported_destination_sync_modes: ['append', 'overwrite'],
  connectionSpecification: {
    type: 'object',
    additionalProperties: false,
    required: ['directory', 'everyStates'],
    properties: {
      directory: { type: 'string' },
      everyStates: { type: 'integer', minimum: 1 },
      hook: { type: 'object' },
    },
  },
};

interface Told {
  readonly type: string;
  readonly record?: { readonly stream: string; readonly data: { readonly id: number } };
  readonly state?: { readonly stream: { readonly stream_state: { readonly id: number } } };
}
interface ToldStream {
  readonly stream: { readonly name: string };
  readonly destination_sync_mode: string;
}

async function write(
  { directory, everyStates, hook }: PlainConfig,
  streams: readonly ToldStream[],
): Promise<void> {
  for (const { stream, destination_sync_mode: mode } of streams)
    if (mode === 'overwrite') rmSync(rowsFile(directory, stream.name), { force: true });
  let rows: NonNullable<Told['record']>[] = [];
  let states: NonNullable<Told['state']>[] = [];
  let [taken, echoed] = [0, 0];
  const meet = async (instant: PlainHook['instant'], so: number): Promise<void> => {
    if (hook?.instant === instant && so >= hook.at) await meetAt(hook.meeting, echoed);
  };
  const flush = async (): Promise<void> => {
    const last = states.at(-1);
    const cursor = last?.stream.stream_state.id ?? 0;
    await meet('last', cursor);
    for (const name of new Set(rows.map(({ stream }) => stream)))
      append(
        rowsFile(directory, name),
        rows.flatMap(({ stream, data }) => (stream === name ? [data.id] : [])),
      );
    rows = [];
    states = [];
    if (last === undefined) return;
    append(echoesFile(directory), [cursor]);
    if (hook !== undefined) noteCommit(hook.journal, cursor);
    await meet('durable', cursor);
    void tell({ type: 'STATE', state: last });
    echoed = cursor;
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as Told;
    if (message.record !== undefined) {
      rows.push(message.record);
      await meet('loading', (taken += 1));
    }
    if (message.state !== undefined) states.push(message.state);
    if (states.length >= everyStates) await flush();
  }
  await flush();
  await meet('closing', echoed);
}

/** Whole lines or none: on a full disk it takes back the part that fitted. */
function append(file: string, numbers: readonly number[]): void {
  const size = existsSync(file) ? statSync(file).size : 0;
  try {
    appendFileSync(file, numbers.map((n) => `${process.pid} ${n}\n`).join(''));
  } catch (error) {
    if (existsSync(file)) truncateSync(file, size);
    throw error;
  }
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { config: { type: 'string' }, catalog: { type: 'string' } },
  });
  const json = (path = ''): unknown => JSON.parse(readFileSync(path, 'utf8'));
  const [command = ''] = positionals;
  switch (command) {
    case 'spec':
      return tell({ type: 'SPEC', spec });
    case 'check':
      return tell({ type: 'CONNECTION_STATUS', connectionStatus: { status: 'SUCCEEDED' } });
    case 'write': {
      const { streams } = json(values.catalog) as { streams: readonly ToldStream[] };
      return write(json(values.config) as PlainConfig, streams);
    }
    default:
      throw new Error(`No such command: ${command}`);
  }
}

await main();
