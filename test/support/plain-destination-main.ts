import { appendFileSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { tell } from './exact-source-reader.ts';
import { echoesFile, rowsFile, type PlainConfig } from './plain-destination.ts';

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
  { directory, everyStates }: PlainConfig,
  streams: readonly ToldStream[],
): Promise<void> {
  for (const { stream, destination_sync_mode: mode } of streams)
    if (mode === 'overwrite') rmSync(rowsFile(directory, stream.name), { force: true });
  let rows: NonNullable<Told['record']>[] = [];
  let states: NonNullable<Told['state']>[] = [];
  const flush = (): void => {
    for (const { stream, data } of rows)
      appendFileSync(rowsFile(directory, stream), `${process.pid} ${data.id}\n`);
    rows = [];
    const last = states.at(-1);
    states = [];
    if (last === undefined) return;
    appendFileSync(echoesFile(directory), `${process.pid} ${last.stream.stream_state.id ?? 0}\n`);
    void tell({ type: 'STATE', state: last });
  };
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as Told;
    if (message.record !== undefined) rows.push(message.record);
    if (message.state !== undefined) states.push(message.state);
    if (states.length >= everyStates) flush();
  }
  flush();
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
