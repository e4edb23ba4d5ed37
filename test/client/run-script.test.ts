import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { runScript } from '../../client/cli/run-script.ts';

const startMsMax = 20_000;
let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-script-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function script(text: string): Promise<URL> {
  const file = join(directory, 'script.mjs');
  await writeFile(file, text);
  return pathToFileURL(file);
}

test('hands on the arguments and the exit code', async () => {
  const url = await script('process.exit(Number(process.argv[2]));');
  expect(await runScript(url, ['7'])).toBe(7);
});

test('tells a death by signal as shells do', async () => {
  const url = await script("process.kill(process.pid, 'SIGKILL');");
  expect(await runScript(url, [])).toBe(137);
});

test('forwards SIGTERM and waits for the end, then listens no more', async () => {
  const ready = join(directory, 'ready');
  const url = await script(`
    import { writeFileSync } from 'node:fs';
    const alive = setInterval(() => undefined, 1000);
    process.on('SIGTERM', () => { clearInterval(alive); process.exitCode = 9; });
    writeFileSync(${JSON.stringify(ready)}, '');
  `);
  const before = process.listenerCount('SIGTERM');
  const code = runScript(url, []);
  const deadline = Date.now() + startMsMax;
  while (!existsSync(ready)) {
    if (Date.now() > deadline) throw new Error('The script did not start.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  process.emit('SIGTERM', 'SIGTERM');
  expect(await code).toBe(9);
  expect(process.listenerCount('SIGTERM')).toBe(before);
});
