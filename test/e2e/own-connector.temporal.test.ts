import { execFile } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { openCluster, type Cluster } from '../support/cluster.ts';
import { ordersToken, startOrdersApi, type OrdersApi } from '../support/orders-api.ts';
import { builtFile, houseRoot } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

// What docs/writing-connectors.md says of a program, typed as it is written there.

const page = fileURLToPath(new URL('../../docs/writing-connectors.md', import.meta.url));

/** The shell blocks of the part about a program, a command each; a here-document is one. */
function blocks(): readonly (readonly string[])[] {
  const [, part = ''] = readFileSync(page, 'utf8').split('\n## A program\n');
  return [...part.split('\n## ')[0]!.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) =>
    block!
      .trim()
      .split(/\n(?![^]*^END$)/m)
      .map((line) => line.replace(/ {2,}#.*$/, '')),
  );
}

const turnMs = 100;
/** As the page says. */
const ordersCount = 5_000;

let api: OrdersApi;
let cluster: Cluster;
beforeEach(async () => {
  [api, cluster] = await Promise.all([
    startOrdersApi({ pageMs: 40, count: ordersCount }),
    openCluster({ target: 'duckdb' }),
  ]);
  // Where the page has the clone.
  symlinkSync(houseRoot(), join(cluster.directory, 'tidemark'));
});
afterEach(async () => {
  await api.process.kill();
  await type('tidemark delete orders --yes');
  await cluster.close();
});

/** Types it into a shell where `tidemark` is on the PATH; resolves with what it prints, rejects when it fails. */
async function type(line: string): Promise<string> {
  const tidemark = `tidemark() { "${process.execPath}" "${builtFile('client/main.js')}" "$@"; }`;
  const here = line.replaceAll('http://127.0.0.1:8099', api.url);
  const { stdout } = await promisify(execFile)('sh', ['-c', `${tidemark}\n${here}`], {
    cwd: cluster.directory,
    env: { PATH: process.env['PATH'], ...cluster.env },
  });
  return stdout;
}

interface Failed {
  readonly code: number;
  readonly stdout: string;
}

/** What a command that fails prints on stdout, and its exit code. */
const refused = (line: string): Promise<Failed> =>
  type(line).then(
    (stdout) => ({ code: 0, stdout }),
    (error: unknown) => error as Failed,
  );

test('the program of the guide is checked, synced, killed, and goes on where it was', async () => {
  const [setUp = [], byHand = [], name = [], dev = [], connect = [], kill = [], again = []] =
    blocks();
  for (const line of setUp) if (!line.startsWith('mkdir')) await type(line);

  const [spec = '', config = '', check = '', discover = '', wrong = '', refuse = ''] = byHand;
  expect(JSON.parse(await type(spec))).toMatchObject({ type: 'SPEC' });
  await type(config);
  expect(JSON.parse(await type(check))).toMatchObject({
    connectionStatus: { status: 'SUCCEEDED' },
  });
  expect(JSON.parse(await type(discover))).toMatchObject({
    catalog: { streams: [{ name: 'orders' }] },
  });
  await type(wrong);
  const failed = await refused(refuse);
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout)).toMatchObject({
    trace: { type: 'ERROR', error: { failure_type: 'config_error' } },
  });

  for (const line of name) await type(line);
  // In the place of `tidemark dev`, which would take the ports that everybody uses.
  expect(dev).toEqual([`ORDERS_TOKEN=${ordersToken} tidemark dev`]);
  await cluster.worker({ ORDERS_TOKEN: ordersToken });
  const said: string[] = [];
  for (const line of connect) said.push(await type(line));
  expect(said.join('')).toContain('source orders: ok\ndestination duckdb: ok\n');
  expect(said.at(-1)).toMatch(/guarantee: exactly once.*from +the start/s);

  const [start = '', status = '', strike = '', finish = '', logs = ''] = kill;
  await type(start);
  // The service runs by short turns, so that the sync can't be done before it is killed.
  await eventually('a checkpoint', async () => {
    api.process.signal('SIGCONT');
    await sleep(turnMs);
    api.process.signal('SIGSTOP');
    const { checkpoints } = await cluster.client.status('orders');
    return Object.keys(checkpoints).length > 0;
  });
  expect(await type(status)).toMatch(/checkpoints:\n.*\n +orders /);
  await type(strike);
  api.process.signal('SIGCONT');
  expect(await type(finish)).toMatch(/succeeded: 5,000 records .*2 attempts/);
  const [first, second, ...more] = [...(await type(logs)).matchAll(/reads orders after (\d+)/g)];
  expect([Number(first?.[1]), more]).toEqual([0, []]);
  expect(Number(second?.[1])).toBeGreaterThan(0);
  expect(
    await ask(`SELECT count(*)::int AS n, count(DISTINCT id)::int AS ids FROM orders`),
  ).toEqual([{ n: ordersCount, ids: ordersCount }]);

  expect(await type(again[0]!)).toMatch(/succeeded: 0 records/);
  await api.process.kill();
  const down = await refused(connect.find((line) => line.startsWith('tidemark check'))!);
  expect(down).toMatchObject({ code: 1 });
  expect(down.stdout).toContain('transient_error');
});

async function ask(sql: string): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create(join(cluster.directory, 'orders.duckdb'));
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
