import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { withLock } from '../../../connectors/files/destination/lock.ts';
import type { FilesTargetConfig } from '../../../connectors/files/index.ts';
import { built } from '../../worker/built.ts';
import { connection, cursorOf, epoch, failure, never, Sessions, stream } from '../harness.ts';
import { createFiles } from './written.ts';

let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tidemark-processes-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) await end(child);
  rmSync(directory, { recursive: true });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** A process of its own that runs a script, with what the build exports. */
function run(module: string, script: string, ...args: string[]): ChildProcess {
  const code = `import * as built from ${JSON.stringify(pathToFileURL(built(module)).href)};\n${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  return child;
}

const lockModule = 'connectors/files/destination/lock.js';
const holdForever = `await built.withLock(process.argv[1], new AbortController().signal, () => {
  console.log('held');
  return new Promise(() => setInterval(() => undefined, 1000));
});`;

test('processes that race for the lock have it one after another', async () => {
  const counter = join(directory, 'counter');
  writeFileSync(counter, '0');
  const script = `import { readFileSync, writeFileSync } from 'node:fs';
    const [lock, counter] = process.argv.slice(1);
    for (let i = 0; i < 25; i += 1)
      await built.withLock(lock, new AbortController().signal, async () => {
        const read = Number(readFileSync(counter, 'utf8'));
        await new Promise((resolve) => setTimeout(resolve, 1));
        writeFileSync(counter, String(read + 1));
      });`;
  const racers = [1, 2, 3].map(() => run(lockModule, script, join(directory, 'lock'), counter));
  const codes = await Promise.all(racers.map(async (racer) => (await once(racer, 'exit'))[0]));
  expect(codes).toEqual([0, 0, 0]);
  expect(readFileSync(counter, 'utf8')).toBe('75');
  expect(readdirSync(directory)).toEqual(['counter']);
}, 30_000);

test('a lock whose holder is frozen is a transient error that names it; once it is dead the lock is free', async () => {
  const lock = join(directory, 'lock');
  const holder = run(lockModule, holdForever, lock);
  await once(holder.stdout!, 'data');
  holder.kill('SIGSTOP');
  const error = await failure(withLock(lock, never, () => Promise.resolve()));
  expect(error).toMatchObject({ kind: 'transient_error', origin: 'destination' });
  expect(error.place).toBe(`${lock}, pid ${holder.pid}`);
  expect(error.facts).toMatchObject({ pid: holder.pid! });
  await end(holder);
  expect(await withLock(lock, never, () => Promise.resolve('mine'))).toBe('mine');
}, 30_000);

test('a lock of another host is never taken away', async () => {
  const lock = join(directory, 'lock');
  mkdirSync(lock);
  writeFileSync(join(lock, 'elsewhere_1_1_00000000'), '');
  const error = await failure(withLock(lock, never, () => Promise.resolve()));
  expect(error.place).toBe(`${lock}, pid 1 on elsewhere`);
  expect(error.remedy).toContain('remove the directory of the lock');
}, 30_000);

/** Commits ten rows after ten rows from where the last writer came to, until it is killed. */
const writeForever = `
  const [config, connection, configured, syncNo] = process.argv.slice(1);
  const at = { syncNo: Number(syncNo), at: 1000 };
  const never = new AbortController().signal;
  const loader = built.filesDestination.loader(JSON.parse(config));
  const catalog = { streams: [JSON.parse(configured)] };
  const held = await loader.open({ connection: JSON.parse(connection), catalog, epoch: at, from: [], adopt: false, rowsMin: 0, abort: never });
  let cursor = held.find((one) => one.scope === 'orders')?.state?.stream.stream_state.cursor ?? 0;
  for (let n = 1; ; n += 1) {
    const part = await loader.part('orders', syncNo + '-1000-' + n);
    const lines = Array.from({ length: 10 }, (_, i) => JSON.stringify({ type: 'RECORD', record: { stream: 'orders', data: { id: cursor + i + 1 }, emitted_at: 1 } }) + '\\n');
    await part.append({ type: 'BLOCK', stream: 'orders', encoding: 'jsonl', records: 10, bytes: Buffer.from(lines.join('')), release() {} }, never);
    part.cover();
    cursor += 10;
    const state = { type: 'STREAM', stream: { stream_descriptor: { name: 'orders' }, stream_state: { cursor } } };
    await loader.commit([await part.seal()], [{ scope: 'orders', edition: 0, epoch: at, seq: n, state, records: n * 10, bytes: 1, committedAt: '2024-05-06T07:08:09.000Z' }], never);
    console.log(cursor);
  }`;

test.each(['jsonl', 'parquet'] as const)(
  '%s: writers that are killed at any instant leave each row once',
  async (format) => {
    const harness = await createFiles({ format });
    const args = [harness.config, connection, stream('orders')].map((one) => JSON.stringify(one));
    const sessions = new Sessions<FilesTargetConfig>(harness);
    try {
      for (let syncNo = 1; syncNo <= 10; syncNo += 1) {
        const writer = run('connectors/files/index.js', writeForever, ...args, String(syncNo));
        await once(writer.stdout!, 'data');
        await new Promise((resolve) => setTimeout(resolve, 40 + 17 * syncNo));
        await end(writer);
      }
      const { held } = await sessions.open({ epoch: epoch(11) });
      const { cursor } = cursorOf(held, 'orders') as { cursor: number };
      expect(cursor).toBeGreaterThanOrEqual(100);
      expect(
        await harness.query(
          'SELECT count(*) AS n, count(DISTINCT id) AS ids, max(id::INTEGER) AS last FROM orders',
        ),
      ).toEqual([{ n: String(cursor), ids: String(cursor), last: String(cursor) }]);
      const [manifest] = harness.manifests();
      const files = Object.values(manifest!.streams).flatMap(({ current }) => current!.files);
      // Swept: whoever lists the directory sees the same.
      expect(harness.listing()).toEqual(files.map(({ path }) => path).sort());
      expect(harness.staged()).toEqual([]);
    } finally {
      await sessions.close();
      await harness.drop();
    }
  },
  60_000,
);
