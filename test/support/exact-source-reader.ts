import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  fieldIn,
  givenData,
  journalFile,
  type ExactConfig,
  type JournalEntry,
  type Trouble,
} from './exact-source.ts';

const blockRecordsMax = 500;
const pollMs = 20;
const floodBytes = 50 * 1024 * 1024;
const forever = 2 ** 30;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

// A pipe without a reader breaks. Many real connectors then hang until somebody ends them, and so does this one.
process.stdout.on('error', () => void sleep(forever));
process.stderr.on('error', () => void sleep(forever));

async function say(text: string, stream: NodeJS.WriteStream = process.stdout): Promise<void> {
  if (stream.write(text)) return;
  await new Promise<void>((resolve) => stream.once('drain', resolve));
}

export const tell = (message: object): Promise<void> => say(`${JSON.stringify(message)}\n`);

/** Sends what comes after the state, as ExactConfig says. */
export async function readExactly(config: ExactConfig, state: readonly unknown[]): Promise<void> {
  const reader = new Reader(config, state);
  await reader.read();
}

interface GivenState {
  readonly stream: {
    readonly stream_descriptor: { readonly name: string };
    readonly stream_state: { readonly id: number };
  };
}

type Entry = JournalEntry extends infer E
  ? E extends unknown
    ? Omit<E, 'pid' | 'at'>
    : never
  : never;

class Reader {
  readonly #config: ExactConfig;
  /** By stream. */
  readonly #records: ReadonlyMap<string, number>;
  /** By stream, where it is not made of numbers. */
  readonly #data = new Map<string, readonly string[]>();
  /** By stream: the last record sent, and how many of them no state covers yet. */
  readonly #cursors: Map<string, number>;
  readonly #uncovered = new Map<string, number>();
  readonly #tail: string;
  readonly #field: string | null;
  /** Of the states, where they are to be large. */
  readonly #list: { readonly seen?: readonly string[] };
  readonly #startedAt = Date.now();
  #sent = 0;
  #mute: boolean;
  #miscount = 0;

  constructor(config: ExactConfig, state: readonly unknown[]) {
    const { directory, records, streams, padBytes = 0, stateBytes = 0, stateless = false } = config;
    this.#mute = stateless;
    const told = (file: string): string | null => {
      const path = join(directory, file);
      return existsSync(path) ? readFileSync(path, 'utf8') : null;
    };
    const note = told('note') ?? '';
    this.#config = config;
    for (const name of streams) {
      const data = givenData(directory, name);
      if (data !== null) this.#data.set(name, data.records);
    }
    const numbered = Number(told('records') ?? records);
    this.#records = new Map(
      streams.map((name) => [name, this.#data.get(name)?.length ?? numbered]),
    );
    this.#cursors = new Map(streams.map((name) => [name, 0]));
    for (const { stream } of state as readonly GivenState[])
      this.#cursors.set(stream.stream_descriptor.name, stream.stream_state.id);
    const pad = 'x'.repeat(padBytes);
    this.#field = fieldIn(directory);
    this.#list = stateBytes === 0 ? {} : { seen: seenFiles(stateBytes) };
    this.#tail = `,"note":${JSON.stringify(note)},"pad":"${pad}"},"emitted_at":1700000000000}}\n`;
    this.#enter({ event: 'read', state });
  }

  async read(): Promise<void> {
    const { streams, interleaved = false } = this.#config;
    const left = (stream: string): boolean =>
      this.#cursors.get(stream)! < this.#records.get(stream)!;
    for (const stream of streams) await this.#status(stream, 'STARTED');
    while (streams.some(left))
      for (const stream of streams)
        do await this.#block(stream);
        while (!interleaved && left(stream));
    for (const stream of streams) await this.#status(stream, 'COMPLETE');
    this.#enter({ event: 'end' });
    if (this.#config.trouble?.what === 'stays') await sleep(forever);
  }

  /** Records up to the next state, to trouble, or to the block's limit. */
  async #block(stream: string): Promise<void> {
    const from = this.#cursors.get(stream)! + 1;
    const last = this.#records.get(stream)!;
    if (from > last) return;
    await this.#trouble(from, stream);
    const { trouble, recordsPerSecond } = this.#config;
    const stateAt = this.#nextStateAt(from, last);
    const calm = trouble !== undefined && trouble.at > from ? trouble.at - 1 : last;
    const to = Math.min(stateAt, from + blockRecordsMax - 1, calm);
    this.#enter({ event: 'send', stream, from, to });
    const lines: string[] = [];
    for (let id = from; id <= to; id += 1) lines.push(this.#line(stream, id));
    await say(lines.join(''));
    this.#cursors.set(stream, to);
    this.#sent += lines.length;
    this.#uncovered.set(stream, (this.#uncovered.get(stream) ?? 0) + lines.length);
    if (to === stateAt && !this.#mute) await this.#state(stream, to);
    if (recordsPerSecond === undefined) return;
    const early = this.#startedAt + (this.#sent / recordsPerSecond) * 1_000 - Date.now();
    if (early > 0) await sleep(early);
  }

  #added(id: number): string {
    return this.#field === null ? '' : `,"${this.#field}":"${this.#field} ${id}"`;
  }

  #line(stream: string, id: number): string {
    const head = `{"type":"RECORD","record":{"stream":"${stream}","data":`;
    const data = this.#data.get(stream)?.[id - 1];
    return data === undefined
      ? `${head}{"id":${id}${this.#added(id)}${this.#tail}`
      : `${head}${data},"emitted_at":1700000000000}}\n`;
  }

  #nextStateAt(from: number, last: number): number {
    const { statesAt, stateEvery = blockRecordsMax } = this.#config;
    const next =
      statesAt === undefined
        ? Math.ceil(from / stateEvery) * stateEvery
        : (statesAt.find((at) => at >= from) ?? last);
    return Math.min(next, last);
  }

  async #state(name: string, id: number): Promise<void> {
    const recordCount = (this.#uncovered.get(name) ?? 0) + this.#miscount;
    this.#miscount = 0;
    this.#uncovered.set(name, 0);
    const stream = { stream_descriptor: { name }, stream_state: { id, ...this.#list } };
    await tell({ type: 'STATE', state: { type: 'STREAM', stream, sourceStats: { recordCount } } });
  }

  async #status(name: string, status: string, reasons: readonly object[] = []): Promise<void> {
    await tell({
      type: 'TRACE',
      trace: {
        type: 'STREAM_STATUS',
        emitted_at: Date.now(),
        stream_status: { stream_descriptor: { name }, status, reasons },
      },
    });
  }

  async #trouble(next: number, stream: string): Promise<void> {
    const { trouble, directory } = this.#config;
    if (trouble?.at !== next) return;
    const marker = join(directory, 'troubled');
    if (trouble.once === true && existsSync(marker)) return;
    writeFileSync(marker, '');
    this.#enter({ event: trouble.what === 'wait' ? 'waiting' : 'troubled' });
    await this.#suffer(trouble, stream);
  }

  async #suffer({ what, quotaMs = 0 }: Trouble, stream: string): Promise<void> {
    const go = join(this.#config.directory, 'go');
    switch (what) {
      case 'crash':
        return crash(this.#config);
      case 'wait':
        while (!existsSync(go)) await sleep(pollMs);
        return;
      case 'hang':
        return sleep(forever);
      case 'rubbish':
        return say(
          `{"type":"RECORD","record":{"stream":"${stream}","data":{"id":,${this.#tail.trim()},,,\n`,
        );
      case 'flood':
        return flood();
      case 'uncovered':
        this.#mute = true;
        return;
      case 'miscounts':
        this.#miscount = 1;
        return;
      case 'stays':
        return;
      case 'limited': {
        const rate_limited = { quota_reset: Date.now() + quotaMs };
        await this.#status(stream, 'RUNNING', [{ type: 'RATE_LIMITED', rate_limited }]);
        return crash(this.#config);
      }
    }
  }

  #enter(entry: Entry): void {
    const line = `${JSON.stringify({ pid: process.pid, at: Date.now(), ...entry })}\n`;
    appendFileSync(journalFile(this.#config.directory), line);
  }
}

function seenFiles(bytes: number): readonly string[] {
  const name = (i: number): string => `exports/2026/01/part-${String(i).padStart(8, '0')}.csv`;
  return Array.from({ length: Math.ceil(bytes / (name(0).length + 3)) }, (_, i) => name(i));
}

/** Careless, as connectors are: the message holds the secret. */
async function crash({ token = 'none' }: ExactConfig): Promise<never> {
  const error = {
    message: `The API of the exact source fell over (token ${token}).`,
    internal_message: `HTTP 502 for token ${token}`,
    failure_type: 'transient_error',
  };
  await tell({ type: 'TRACE', trace: { type: 'ERROR', emitted_at: Date.now(), error } });
  process.exit(1);
}

/** Half as messages on stdout, half on stderr. */
async function flood(): Promise<void> {
  const log = { level: 'INFO', message: 'again '.repeat(150) };
  const line = `${JSON.stringify({ type: 'LOG', log })}\n`;
  for (let written = 0; written < floodBytes; written += 2 * line.length) {
    await say(line);
    await say(line, process.stderr);
  }
}
