import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { SyncError } from '../../protocol/index.ts';
import { startDevServer, type DevServer } from '../../worker/dev-server.ts';
import { cachedTemporal, findTemporal } from '../../worker/temporal-binary.ts';
import { searchAttributes } from '../../workflows/messages.ts';
import { built } from './built.ts';
import { alive, eventually } from './eventually.ts';

let directory: string;
const servers: DevServer[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tidemark-dev-server-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop();
  await rm(directory, { recursive: true, force: true });
});

async function start(options: Partial<Parameters<typeof startDevServer>[0]> = {}) {
  const server = await startDevServer({ directory, ...options });
  servers.push(server);
  return server;
}

async function using(address: string, work: (client: Client) => Promise<void>): Promise<void> {
  const connection = await Connection.connect({ address });
  try {
    await work(new Client({ connection }));
  } finally {
    await connection.close();
  }
}

/** A stand-in for pip that takes a while and installs a command that answers `--version`. */
async function fakePython(body: string): Promise<string> {
  const path = join(directory, 'python');
  await writeFile(
    path,
    `#!/bin/sh\nfor target; do case "$previous" in --target) t=$target;; esac; previous=$target; done\n${body}\n`,
  );
  await chmod(path, 0o755);
  return path;
}
const installs = `mkdir -p "$t/bin"
printf '#!/bin/sh\\n' > "$t/bin/temporal"
sleep 0.$(($$ % 8))
printf 'echo temporal version 9.9.9; exit\\n' >> "$t/bin/temporal"
head -c 20000000 /dev/zero >> "$t/bin/temporal"`;

async function answer(command: string): Promise<string> {
  return (await promisify(execFile)(command, ['--version'])).stdout;
}

test('serves with the search attributes, and continues its database after a stop', async () => {
  const first = await start();
  await using(first.address, async (client) => {
    await client.workflow.start('any', {
      workflowId: 'kept',
      taskQueue: 'nobody',
      typedSearchAttributes: [
        { key: { name: searchAttributes.connection.name, type: 'KEYWORD' }, value: 'orders' },
        { key: { name: searchAttributes.records.name, type: 'INT' }, value: 7 },
      ],
    });
  });
  await first.stop();
  expect(alive(first.pid)).toBe(false);

  const second = await start();
  await using(second.address, async (client) => {
    const { status } = await client.workflow.getHandle('kept').describe();
    expect(status.name).toBe('RUNNING');
  });
});

test('two servers at once take different free ports', async () => {
  await mkdir(join(directory, 'a'));
  const [a, b] = await Promise.all([
    start({ directory: join(directory, 'a') }),
    start({ directory: join(directory, 'b') }),
  ]);
  expect(a.address).not.toBe(b.address);
});

test('a taken port is refused with the port and the option that changes it', async () => {
  const blocker = createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  const { port } = blocker.address() as { port: number };
  try {
    for (const [options, flag] of [
      [{ port }, '--port'],
      [{ uiPort: port }, '--ui-port'],
    ] as const) {
      const error = await start(options).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(SyncError);
      expect((error as SyncError).kind).toBe('config_error');
      expect((error as SyncError).place).toContain(String(port));
      expect((error as SyncError).remedy).toContain(flag);
    }
  } finally {
    blocker.close();
  }
});

test('a database that cannot be opened is told with the server log, and nothing keeps running', async () => {
  const database = join(directory, 'not', 'there', 'temporal.db');
  await expect(start({ database })).rejects.toThrow('The Temporal dev server did not start.');
});

test('the server dies with a parent that is killed', async () => {
  const script = join(directory, 'parent.mjs');
  await writeFile(
    script,
    `import { startDevServer } from ${JSON.stringify(built('worker/dev-server.js'))};
     const { pid } = await startDevServer({ directory: ${JSON.stringify(directory)} });
     process.send(pid);
     setInterval(() => undefined, 1000);`,
  );
  const parent = fork(script, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [pid] = (await once(parent, 'message')) as [number];
  expect(alive(pid)).toBe(true);
  parent.kill('SIGKILL');
  await eventually('the server is gone', () => !alive(pid));
});

test('two processes that install into one cache both end with a whole command, never without one in between', async () => {
  const python = await fakePython(installs);
  const cacheDir = join(directory, 'cache');
  const script = join(directory, 'install.mjs');
  await writeFile(
    script,
    `import { findTemporal } from ${JSON.stringify(built('worker/temporal-binary.js'))};
     const [cacheDir, python] = process.argv.slice(2);
     process.send(await findTemporal({ cacheDir, command: 'no-such-temporal', python }));
     process.disconnect();`,
  );
  const installing = [0, 1].map(async () => {
    const child = fork(script, [cacheDir, python]);
    const exit = once(child, 'exit');
    const [path] = (await once(child, 'message')) as [string];
    expect(path).toBe(cachedTemporal(cacheDir));
    expect((await exit)[0]).toBe(0);
  });
  let all = false;
  const every = Promise.all(installing).finally(() => (all = true));
  await Promise.race(installing);
  while (!all) expect(await answer(cachedTemporal(cacheDir))).toContain('9.9.9');
  await every;
  expect(await readdir(cacheDir)).toEqual(['bin']);
  expect(await readdir(join(cacheDir, 'bin'))).toHaveLength(1);

  // From now on nothing is installed.
  await rm(python);
  const options = { cacheDir, command: 'no-such-temporal', python };
  expect(await findTemporal(options)).toBe(cachedTemporal(cacheDir));
});

test('what a killed install left behind is removed, a running one is not', async () => {
  const cacheDir = join(directory, 'cache');
  const [old, running] = [join(cacheDir, 'installing-1-a'), join(cacheDir, 'installing-2-b')];
  for (const path of [old, running]) await mkdir(path, { recursive: true });
  await utimes(old, 1, 1);
  const python = await fakePython(installs);
  await findTemporal({ cacheDir, command: 'no-such-temporal', python });
  expect((await readdir(cacheDir)).sort()).toEqual(['bin', 'installing-2-b']);
});

test('a cached command that does not run is replaced', async () => {
  const cacheDir = join(directory, 'cache');
  await mkdir(join(cacheDir, 'bin'), { recursive: true });
  await writeFile(cachedTemporal(cacheDir), 'half a file', { mode: 0o755 });
  const python = await fakePython(installs);
  const path = await findTemporal({ cacheDir, command: 'no-such-temporal', python });
  expect(await answer(path)).toContain('9.9.9');
});

test('an installed command that does not run is not kept', async () => {
  const python = await fakePython('mkdir -p "$t/bin"; echo broken > "$t/bin/temporal"');
  const cacheDir = join(directory, 'cache');
  const options = { cacheDir, command: 'no-such-temporal', python, download: false };
  await expect(findTemporal(options)).rejects.toMatchObject({
    place: expect.stringContaining('does not run') as string,
  });
  expect(await readdir(join(cacheDir, 'bin'))).toEqual([]);
});

test('when nothing can be had, the error says what was tried and what to do', async () => {
  const python = await fakePython('echo "No matching distribution" >&2; exit 1');
  const options = { cacheDir: join(directory, 'cache'), command: 'no-such-temporal', python };
  const error = await findTemporal({ ...options, download: false }).catch((e: unknown) => e);
  expect(error).toBeInstanceOf(SyncError);
  const { place, remedy, kind } = error as SyncError;
  expect(kind).toBe('config_error');
  expect(place).toContain('No matching distribution');
  expect(place).toContain('`no-such-temporal` on PATH');
  expect(remedy).toContain('TEMPORAL_ADDRESS');
  expect(await readdir(join(directory, 'cache'))).toEqual(['bin']);
});
