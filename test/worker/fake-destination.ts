import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  SyncError,
  type ConfiguredCatalog,
  type ConnectorSpecification,
  type Destination,
  type Echo,
  type Item,
  type JsonObject,
  type WriteInput,
} from '../../protocol/index.ts';
import { protocolDestination } from '../../worker/runners/child.ts';
import { noUpdates, type ConfigListener } from '../../worker/runners/config-listener.ts';
import type { ChildLimits } from '../../worker/runners/session.ts';
import type { WriteOptions } from '../../worker/runners/writing.ts';
import { catalogOf, configured, id } from '../support/items.ts';

/** A destination that is a Node script, written into a directory of its own, where it keeps its rows. */
export interface FakeDestination {
  readonly directory: string;
  readonly log: string[];
  readonly options: WriteOptions;
  readonly destination: Destination<JsonObject>;
  privateDirectories(): readonly string[];
  file(name: string): string;
  /** What it was given, line by line, parsed. */
  given(): readonly JsonObject[];
  /** Ids of the rows that it made durable. */
  rows(): readonly number[];
  remove(): void;
}

export interface FakeDestinationOptions {
  readonly spec?: ConnectorSpecification;
  readonly limits?: Partial<ChildLimits>;
  readonly updates?: ConfigListener;
}

/**
 * `take` calls a handler for each line of stdin and resolves at its end. `keep` makes what was buffered durable; `echo` prints a state as it
 * came.
 */
const helpers = `
import { appendFileSync, existsSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
const [verb, ...rest] = process.argv.slice(2);
const arg = (name) => { const at = rest.indexOf('--' + name); return at < 0 ? null : rest[at + 1]; };
const print = (value) => writeSync(1, (typeof value === 'string' ? value : JSON.stringify(value)) + '\\n');
const log = (level, message) => print({ type: 'LOG', log: { level, message } });
const traceError = (message, failure_type) => print({ type: 'TRACE', trace: { type: 'ERROR', emitted_at: 1, error: { message, ...(failure_type && { failure_type }) } } });
const buffered = [];
const keep = () => { for (const { data } of buffered.splice(0)) appendFileSync('rows.txt', data.id + '\\n'); };
const echo = (state) => { keep(); print({ type: 'STATE', state }); };
const forever = () => new Promise(() => setInterval(() => {}, 1000));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
async function take({ record = () => {}, state = echo, trace = () => {} } = {}) {
  for await (const line of createInterface({ input: process.stdin })) {
    appendFileSync('given.jsonl', line + '\\n');
    const message = JSON.parse(line);
    if (message.type === 'RECORD') { buffered.push(message.record); await record(message.record); }
    if (message.type === 'STATE') await state(message.state);
    if (message.type === 'TRACE') await trace(message.trace);
  }
  keep();
}
`;

export function fakeDestination(
  body: string,
  { spec = { connectionSpecification: {} }, limits, updates }: FakeDestinationOptions = {},
): FakeDestination {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-destination-'));
  const script = join(directory, 'destination.mjs');
  writeFileSync(script, helpers + body);
  const stateDir = join(directory, 'private');
  const log: string[] = [];
  const options: WriteOptions = {
    command: [process.execPath, script],
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '' },
    label: 'fake',
    end: 'destination',
    stateDir,
    spec,
    log: (line) => log.push(line),
    redact: (text) => text.replaceAll('hunter2', '****'),
    updates: updates ?? noUpdates,
    limits: { exitMsMax: 1_500, leftoverMsMax: 200, ...limits },
  };
  const lines = (name: string): readonly string[] => {
    const file = join(directory, name);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  };
  return {
    directory,
    log,
    options,
    destination: protocolDestination(options),
    privateDirectories: () => (existsSync(stateDir) ? readdirSync(stateDir) : []),
    file: (name) => join(directory, name),
    given: () => lines('given.jsonl').map((line) => JSON.parse(line) as JsonObject),
    rows: () => lines('rows.txt').map(Number),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export interface FakeWrite {
  readonly input: WriteInput<JsonObject>;
  readonly drain: AbortController;
  readonly abort: AbortController;
}

export const epoch = { syncNo: 3, at: 1_700_000_000_000 };

export function writeInput(
  parts: Partial<WriteInput<JsonObject>> = {},
  catalog: ConfiguredCatalog = catalogOf(configured(id('a')), configured(id('b'))),
): FakeWrite {
  const drain = new AbortController();
  const abort = new AbortController();
  const input: WriteInput<JsonObject> = {
    config: {},
    connection: { id: 'c', name: 'c' },
    catalog,
    epoch,
    from: [],
    adopt: false,
    cadence: { batchBytesMax: 1e9, intervalMsMin: 0, intervalMsMax: 1_000 },
    permit: () => Promise.resolve(),
    rowsMin: 0,
    drain: drain.signal,
    abort: abort.signal,
    ...parts,
  };
  return { input, drain, abort };
}

export interface Written {
  readonly echoes: readonly Echo[];
  /** What the writing failed with. */
  readonly failure: SyncError | null;
}

/** Writes items to their end; `onEcho` sees each echo as it comes. */
export async function writeAll(
  fake: FakeDestination,
  items: Iterable<Item> | AsyncIterable<Item>,
  { input }: FakeWrite = writeInput(),
  onEcho: (echo: Echo) => void = () => undefined,
): Promise<Written> {
  const echoes: Echo[] = [];
  const writer = await fake.destination.open(input);
  try {
    for await (const echo of writer.write(asAsync(items))) {
      echoes.push(echo);
      onEcho(echo);
    }
    return { echoes, failure: null };
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    return { echoes, failure: error };
  } finally {
    await writer.close();
  }
}

async function* asAsync(items: Iterable<Item> | AsyncIterable<Item>): AsyncGenerator<Item> {
  yield* items;
}
