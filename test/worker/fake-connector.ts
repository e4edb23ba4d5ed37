import { mkdtempSync, rmSync, writeFileSync, existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { protocolSource, type ProtocolSourceOptions } from '../../worker/runners/child.ts';
import { noUpdates, type ConfigListener } from '../../worker/runners/config-listener.ts';
import type { ChildLimits } from '../../worker/runners/session.ts';
import type {
  ConfiguredCatalog,
  End,
  Item,
  JsonObject,
  ReadInput,
  Source,
  StateMessage,
} from '../../protocol/index.ts';

/** A connector that is a Node script, written into a directory of its own. */
export interface FakeConnector {
  readonly directory: string;
  readonly stateDir: string;
  readonly command: readonly string[];
  readonly log: string[];
  readonly options: ProtocolSourceOptions;
  readonly source: Source<JsonObject>;
  /** Private directories that are there now. */
  privateDirectories(): readonly string[];
  file(name: string): string;
  remove(): void;
}

export interface FakeOptions {
  readonly limits?: Partial<ChildLimits>;
  readonly env?: Record<string, string>;
  readonly updates?: ConfigListener;
}

const helpers = `
import { readFileSync, writeFileSync, writeSync, existsSync } from 'node:fs';
import { spawn } from 'node:child_process';
const [verb, ...rest] = process.argv.slice(2);
const arg = (name) => { const at = rest.indexOf('--' + name); return at < 0 ? null : rest[at + 1]; };
const print = (value) => writeSync(1, (typeof value === 'string' ? value : JSON.stringify(value)) + '\\n');
const record = (stream, id) => print({ type: 'RECORD', record: { stream, data: { id }, emitted_at: 1 } });
const state = (stream, cursor) => print({ type: 'STATE', state: { type: 'STREAM', stream: { stream_descriptor: { name: stream }, stream_state: cursor } } });
const log = (level, message) => print({ type: 'LOG', log: { level, message } });
const traceError = (message, failure_type, emitted_at = 1) => print({ type: 'TRACE', trace: { type: 'ERROR', emitted_at, error: { message, ...(failure_type && { failure_type }) } } });
const status = (name, value, reasons) => print({ type: 'TRACE', trace: { type: 'STREAM_STATUS', emitted_at: 1, stream_status: { stream_descriptor: { name }, status: value, ...(reasons && { reasons }) } } });
const forever = () => setInterval(() => {}, 1000);
`;

export function fakeConnector(body: string, options: FakeOptions = {}): FakeConnector {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-runner-'));
  const script = join(directory, 'connector.mjs');
  writeFileSync(script, helpers + body);
  const stateDir = join(directory, 'private');
  const log: string[] = [];
  const command = [process.execPath, script];
  const all: ProtocolSourceOptions = {
    command,
    cwd: directory,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
    label: 'fake',
    end: 'source',
    stateDir,
    spec: { connectionSpecification: {} },
    log: (line) => log.push(line),
    redact: (text) => text.replaceAll('hunter2', '****'),
    updates: options.updates ?? noUpdates,
    limits: { exitMsMax: 1_500, leftoverMsMax: 200, ...options.limits },
  };
  return {
    directory,
    stateDir,
    command,
    log,
    options: all,
    source: protocolSource(all),
    privateDirectories: () => (existsSync(stateDir) ? readdirSync(stateDir) : []),
    file: (name) => join(directory, name),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export const emptyCatalog: ConfiguredCatalog = { streams: [] };

export interface FakeRead {
  readonly input: ReadInput<JsonObject>;
  readonly drain: AbortController;
  readonly abort: AbortController;
}

export function readInput(config: JsonObject = {}, state: readonly StateMessage[] = []): FakeRead {
  const drain = new AbortController();
  const abort = new AbortController();
  const input: ReadInput<JsonObject> = {
    config,
    catalog: emptyCatalog,
    state,
    accepts: () => ['jsonl'],
    checkpoints: (async function* () {})(),
    drain: drain.signal,
    abort: abort.signal,
  };
  return { input, drain, abort };
}

/** Everything that a read yields; blocks as lines. */
export async function readAll(
  connector: FakeConnector,
  read: FakeRead = readInput(),
): Promise<{
  readonly items: readonly Item[];
  readonly lines: readonly string[];
  readonly end: End;
}> {
  const items: Item[] = [];
  const lines: string[] = [];
  for await (const item of connector.source.read(read.input)) {
    items.push(item);
    if (item.type !== 'BLOCK') continue;
    lines.push(...textOf(item.bytes).trimEnd().split('\n'));
    item.release();
  }
  const end = items.at(-1);
  if (end?.type !== 'END') throw new Error('The read did not end with END.');
  return { items, lines, end };
}

export const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
