import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ReadInput, JsonObject } from '../protocol/index.ts';
import { noUpdates } from '../worker/runners/config-listener.ts';
import { protocolSource } from '../worker/runners/child.ts';
import { createFeed } from '../worker/runners/feed.ts';
import { range } from './figures.ts';

/**
 * What the engine costs when it only passes records on: a source process prints records, a sink process takes them, and between them
 * the runner, the scanner and the feed of a program do all that they do in a sync. `cat | cat | cat` does the same with the same number of processes and no
 * understanding. Method and figures: README.md beside this file.
 */

const gigabyte = 1e9;
const rounds = 7;
/** Syncs that the engine process runs one after the other, as a worker does: the first pays for compiling, the last one is warm. */
const passes = 4;
const records = 2_350_000;
/** The output is this file, printed so many times. */
const fileRecords = 235_000;
const copies = records / fileRecords;
const stateEvery = 10_000;
const self = fileURLToPath(import.meta.url);

interface EngineRun {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly records: number;
  readonly states: number;
  readonly bytes: number;
  readonly rssMax: number;
}

/** Records of 457 bytes in three streams, in runs as a source sends them, and their states. `nested`: with an object in the data. */
function outputText(nested: boolean): string {
  const lines: string[] = [];
  for (let n = 0; n < fileRecords; n += 1) {
    const stream = ['users', 'orders', 'events'][Math.floor(n / 1000) % 3]!;
    const id = String(n).padStart(8, '0');
    const address = { city: 'Zwolle', street: 'Melkmarkt 41', code: '8011 MC' };
    const data = {
      id,
      created_at: '2026-01-01T00:00:00Z',
      name: `name ${id}`,
      amount: 12.5,
      note: 'x'.repeat(200),
      ...(nested ? { address } : { city: address.city, street: address.street }),
      email: `user${id}@example.com`,
    };
    const record = { stream, data, emitted_at: 1_795_344_671_067 + n };
    lines.push(JSON.stringify({ type: 'RECORD', record }));
    if ((n + 1) % stateEvery > 0) continue;
    const cursor = { stream_descriptor: { name: stream }, stream_state: { id } };
    lines.push(JSON.stringify({ type: 'STATE', state: { type: 'STREAM', stream: cursor } }));
  }
  return `${lines.join('\n')}\n`;
}

const shellCat = (file: string): string => `cat ${Array(copies).fill(`'${file}'`).join(' ')}`;

/** In a process of its own: prints an EngineRun for each pass. */
async function engine(file: string, stateDir: string): Promise<void> {
  const runs: EngineRun[] = [];
  for (let n = 0; n < passes; n += 1) runs.push(await pass(file, stateDir));
  process.stdout.write(JSON.stringify(runs));
}

/** Reads by the runner, feeds `cat`. */
async function pass(file: string, stateDir: string): Promise<EngineRun> {
  const source = protocolSource({
    command: ['/bin/sh', '-c', `exec ${shellCat(file)}`],
    cwd: stateDir,
    env: { PATH: process.env['PATH'] ?? '' },
    end: 'source',
    updates: noUpdates,
    label: 'bench',
    stateDir,
    spec: { connectionSpecification: {} },
    log: () => undefined,
    redact: (text) => text,
  });
  const never = new AbortController().signal;
  const input: ReadInput<JsonObject> = {
    config: {},
    catalog: { streams: [] },
    state: [],
    accepts: () => ['jsonl'],
    checkpoints: (async function* () {})(),
    drain: never,
    abort: never,
  };
  const sink = spawn('/bin/sh', ['-c', 'exec cat >/dev/null'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const gone = new Promise((resolve) => sink.once('exit', resolve));
  const broken = (): never => {
    throw new Error('The sink takes nothing any more.');
  };
  const permit = (): Promise<void> => Promise.resolve();
  const feed = createFeed(sink.stdin, { permit, over: broken, refused: broken });
  const cpu = process.cpuUsage();
  const begun = performance.now();
  const count = { records: 0, states: 0, bytes: 0 };
  for await (const item of source.read(input)) {
    if (item.type === 'STATE') count.states += 1;
    if (item.type === 'END' && item.failure !== null) throw new Error(item.failure.message);
    if (item.type !== 'BLOCK') continue;
    count.records += item.records;
    count.bytes += item.bytes.byteLength;
    await feed.send(item.bytes, () => item.release());
  }
  await feed.given();
  feed.end();
  await gone;
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...count,
    wallMs: performance.now() - begun,
    cpuMs: (user + system) / 1000,
    rssMax: process.resourceUsage().maxRSS * 1024,
  };
}

function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${command} exited with code ${code}.`)),
    );
  });
}

async function catWallMs(file: string): Promise<number> {
  const begun = performance.now();
  await run('/bin/sh', ['-c', `${shellCat(file)} | cat | cat >/dev/null`]);
  return performance.now() - begun;
}

async function compare(name: string, nested: boolean, directory: string): Promise<void> {
  const file = join(directory, 'output.jsonl');
  const text = outputText(nested);
  writeFileSync(file, text);
  const cat: number[] = [];
  const all: EngineRun[][] = [];
  for (let round = 0; round < rounds; round += 1) {
    cat.push(await catWallMs(file));
    all.push(
      JSON.parse(await run(process.execPath, [self, 'engine', file, directory])) as EngineRun[],
    );
  }
  const expected = { records, states: copies * Math.floor(fileRecords / stateEvery) };
  for (const { records: got, states } of all.flat())
    if (got !== expected.records || states !== expected.states)
      throw new Error(`The engine passed ${got} records and ${states} states.`);
  const size = (text.length * copies) / gigabyte;
  console.log(`${name}: ${size.toFixed(3)} GB, ${records} records, ${expected.states} states`);
  console.log(`  cat|cat|cat wall s        ${range(cat.map(seconds), 2)}`);
  const passRuns = (n: number): EngineRun[] => all.map((runs) => runs[n]!);
  report('first pass', passRuns(0), cat, size);
  report(`pass ${passes}`, passRuns(passes - 1), cat, size);
  const rss = Math.max(...all.flat().map((r) => r.rssMax / 1e6));
  console.log(`  engine RSS MB, at most    ${rss.toFixed(0)}`);
}

function seconds(ms: number): number {
  return ms / 1000;
}

/** `cat`: the base of each round, ms. */
function report(
  title: string,
  runs: readonly EngineRun[],
  cat: readonly number[],
  size: number,
): void {
  const walls = runs.map((r) => seconds(r.wallMs));
  const ratios = runs.map((r, i) => r.wallMs / cat[i]!);
  const cpu = runs.map((r) => seconds(r.cpuMs) / size);
  console.log(`  ${title}`);
  console.log(`    engine wall s           ${range(walls, 2)}`);
  console.log(`    ratio, by rounds        ${range(ratios, 2)}`);
  console.log(`    engine CPU s/GB         ${range(cpu, 2)}`);
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-bench-'));
  try {
    const memory = (totalmem() / 2 ** 30).toFixed(0);
    console.log(
      `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, ${memory} GiB, ${rounds} rounds`,
    );
    await compare('flat records', false, directory);
    await compare('nested records', true, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const [, , role, file, stateDir] = process.argv;
if (role === 'engine' && file !== undefined && stateDir !== undefined) await engine(file, stateDir);
else await main();
