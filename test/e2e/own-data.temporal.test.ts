import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import type { ConnectionState, Plan } from '../../client/index.ts';
import { openCluster, type Cluster } from '../support/cluster.ts';
import { builtFile } from '../support/processes.ts';

// What the README's "Try it on your own data" says, typed as it is written there.

const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');

/** The shell blocks of the section. */
function blocks(): readonly (readonly string[])[] {
  const [, section = ''] = readme.split('\n## Try it on your own data\n');
  const own = section.split('\n## ')[0]!;
  return [...own.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block]) =>
    block!
      .trim()
      .split('\n')
      .map((line) => line.replace(/ {2,}#.*$/, '')),
  );
}

let cluster: Cluster;
beforeEach(async () => {
  cluster = await openCluster({ target: 'duckdb' });
});
afterEach(async () => {
  await type('tidemark delete mine --yes');
  await cluster.close();
});

/** Types a line into a shell where `tidemark` is on the PATH; resolves with what it prints, rejects when it fails. */
async function type(line: string): Promise<string> {
  const tidemark = `tidemark() { "${process.execPath}" "${builtFile('client/main.js')}" "$@"; }`;
  const { stdout } = await promisify(execFile)('sh', ['-c', `${tidemark}\n${line}`], {
    cwd: cluster.directory,
    env: { PATH: process.env['PATH'], ...cluster.env },
  });
  return stdout;
}

/** Records read by all syncs so far, of which the schedule may have started some. */
async function recordsRead(): Promise<number> {
  const { history } = JSON.parse(await type('tidemark status mine --json')) as ConnectionState;
  return history.reduce((sum, { records }) => sum + records, 0);
}

async function ask(database: string, sql: string): Promise<readonly unknown[]> {
  const instance = await DuckDBInstance.create(database);
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

test('the commands of the README copy a folder of files, and then only what is new', async () => {
  const [, before = [], commands = []] = blocks();
  expect(before[1]).toBe('tidemark dev');
  expect(commands.map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
    'tidemark init mine',
    'tidemark apply mine',
    'tidemark sync mine',
  ]);
  const data = join(cluster.directory, 'data');
  mkdirSync(join(data, 'events'), { recursive: true });
  writeFileSync(join(data, 'orders-1.csv'), 'id,item\n1,tea\n2,milk\n');
  writeFileSync(join(data, 'events/a.jsonl'), '{"id":1}\n{"id":2}\n{"id":3}\n');
  const parquet = join(data, 'prices.parquet');
  await ask(':memory:', `COPY (SELECT 1.25 AS price) TO '${parquet}' (FORMAT parquet)`);

  await type(before[0]!);
  // In the place of `tidemark dev`, which would take the ports that everybody uses.
  await cluster.worker();
  const [init = '', apply = '', sync = ''] = commands;
  expect(await type(init)).toBe(
    'connections/mine.yaml: written.\nNext:\n  tidemark apply mine\n  tidemark check mine\n  tidemark sync mine\n',
  );
  expect(await type(apply)).toBe('mine: created, schedule created\n');
  await type('tidemark check mine');
  await type(sync);
  expect(await recordsRead()).toBe(6);

  writeFileSync(join(data, 'orders-2.csv'), 'id,item\n3,bread\n');
  await type(sync);
  expect(await recordsRead()).toBe(7);
  const plan = JSON.parse(await type('tidemark plan mine --json')) as Plan;
  expect(plan).toMatchObject({ applied: true, guarantee: { delivery: 'exactly once' } });
  expect(plan.streams.map(({ stream, resume }) => [stream, resume !== null])).toEqual([
    ['events', true],
    ['orders', true],
    ['prices', true],
  ]);

  const database = join(cluster.directory, 'mine.duckdb');
  expect(await ask(database, 'SELECT id::int AS id, item FROM orders ORDER BY id')).toEqual([
    { id: 1, item: 'tea' },
    { id: 2, item: 'milk' },
    { id: 3, item: 'bread' },
  ]);
  expect(await ask(database, 'SELECT count(*)::int AS n FROM events')).toEqual([{ n: 3 }]);
  expect(await ask(database, 'SELECT price::text AS price FROM prices')).toEqual([
    { price: '1.25' },
  ]);
});

test('a plan of a file that is not applied reads nothing and stores nothing', async () => {
  mkdirSync(join(cluster.directory, 'data'));
  writeFileSync(join(cluster.directory, 'data/orders.csv'), 'id\n1\n');
  await cluster.worker();
  const [init = ''] = blocks()[2]!;
  await type(init);
  const plan = JSON.parse(await type('tidemark plan connections/mine.yaml --json')) as Plan;
  expect(plan).toMatchObject({ applied: false, syncNo: 1, streamCount: 1 });
  await expect(type('tidemark status mine')).rejects.toMatchObject({ code: 2 });
  const wrong = readFileSync(join(cluster.directory, 'connections/mine.yaml'), 'utf8');
  writeFileSync(join(cluster.directory, 'wrong.yaml'), `${wrong}streams: [ordrs]\n`);
  await expect(type('tidemark plan ./wrong.yaml')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('Did you mean orders?') as unknown,
  });
  // So that there is something to delete.
  await type('tidemark apply mine');
});

/** What a command that fails prints, and its exit code. */
async function refused(line: string): Promise<string> {
  const failed = await type(line).then(
    (stdout) => ({ code: 0, stdout, stderr: '' }),
    (error: unknown) => error as { code: number; stdout: string; stderr: string },
  );
  return `${failed.stdout}${failed.stderr}exit ${failed.code}`;
}

const mistakes = [
  {
    mistake: 'a wrong delimiter',
    files: { 'orders-1.csv': 'id|item|amount\n1|tea|2.50\n' },
    streams: '[{ name: orders, glob: "orders-*.csv", csv: { delimiter: "," } }]',
    says: [
      'A CSV file seems to have another delimiter. (orders-1.csv:1: with "|" each row has 3 cells; the delimiter is ",")',
      'set delimiter: "|" in csv of stream orders, under streams in the source’s config',
    ],
  },
  {
    mistake: 'a column renamed in the middle of a folder',
    files: { 'orders-2024.csv': 'id,amount\n1,2.50\n', 'orders-2025.csv': 'id,total\n2,3.10\n' },
    streams: null,
    says: [
      'The columns of a CSV file differ from those of the file before it. (orders-2025.csv:1: missing: amount; new: total; before it: orders-2024.csv)',
      'glob: "orders{,[-_. ]*[0-9]}.csv", csv: { header_changes: allow }',
    ],
  },
];

test.each(mistakes)(
  '$mistake: check, plan and sync say what, where and what to do',
  async ({ files, streams, says }) => {
    const data = join(cluster.directory, 'data');
    mkdirSync(data);
    for (const [i, [name, text]] of Object.entries(files).entries()) {
      writeFileSync(join(data, name), text);
      utimesSync(join(data, name), 1_700_000_000 + i, 1_700_000_000 + i);
    }
    await cluster.worker();
    await type(blocks()[2]![0]!.replace(' --every 15m', ''));
    const file = join(cluster.directory, 'connections/mine.yaml');
    const written = readFileSync(file, 'utf8');
    if (streams !== null)
      writeFileSync(
        file,
        written.replace('path: ./data\n', `path: ./data\n    streams: ${streams}\n`),
      );
    await type('tidemark apply mine');
    for (const verb of ['check', 'plan', 'sync']) {
      const said = await refused(`tidemark ${verb} mine`);
      for (const part of says) expect(said).toContain(part);
      expect(said).toMatch(/exit 2$/);
    }
  },
);
