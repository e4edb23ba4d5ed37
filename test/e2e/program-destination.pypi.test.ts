import { readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { addToConnectorsFile } from '../../client/connectors-file.ts';
import { openCluster, untilView, type Cluster } from '../support/cluster.ts';
import { attemptsIn } from '../support/exact-source.ts';
import { processesIn } from '../support/processes.ts';
import { eventually } from '../worker/eventually.ts';

// A real destination connector from PyPI, which appends to an Iceberg table in a directory. It reads states into types of its own and writes
// them anew, so that our numbers for them do not come back.

const program = 'airbyte-destination-ailake';
const records = 1_500;
const stateEvery = 50;
/** Its first use installs it. */
const msMax = 15 * 60_000;

let cluster: Cluster;
beforeEach(async () => {
  cluster = await openCluster({ target: 'duckdb' });
  await addToConnectorsFile(join(cluster.directory, 'connectors.yaml'), 'lake', {
    ...{ kind: 'destination', runner: 'pypi', package: `${program}==0.1.16` },
    command: [program],
  });
});
afterEach(() => cluster.close());

/** What pip needs of this process's environment, and a cache that outlives the cluster. */
function pypiEnvironment(): Record<string, string> {
  const passed = Object.entries(process.env).filter(([name]) => /^(PIP_|UV_|SSL_CERT_)/.test(name));
  const cache = process.env['TIDEMARK_CACHE_DIR'] ?? join(homedir(), '.cache', 'tidemark');
  return { ...(Object.fromEntries(passed) as Record<string, string>), TIDEMARK_CACHE_DIR: cache };
}

/** It wants a vector for each record: the length of its text will do. */
function embedder(): string {
  const script = join(cluster.directory, 'embed.mjs');
  writeFileSync(
    script,
    `let text = ''; for await (const chunk of process.stdin) text += chunk;
     console.log(JSON.stringify(JSON.parse(text).map((one) => [one.length, 1])));`,
  );
  return `${process.execPath} ${script}`;
}

/** Ids in the files that the table's current snapshot names. */
async function committedIds(table: string): Promise<readonly number[]> {
  const metadata = join(table, 'default', 'table', 'metadata');
  const read = (name: string): string => readFileSync(join(metadata, name), 'latin1');
  const namesIn = (name: string, pattern: RegExp): string[] => [
    ...new Set([...read(name).matchAll(pattern)].map(([found]) => found)),
  ];
  const version = read('version-hint.text').trim();
  const { 'current-snapshot-id': current } = JSON.parse(
    read(`v${version}.metadata.json`).replace(/("[a-z-]*snapshot-id": )(\d+)/g, '$1"$2"'),
  ) as { 'current-snapshot-id': string };
  const manifests = namesIn(`snap-${current}-1.avro`, /\d+-m0\.avro/g);
  const files = manifests.flatMap((name) => namesIn(name, /part-[\w-]+\.parquet/g));
  const paths = files.map((name) => `'${join(table, 'data', name)}'`).join(', ');
  const instance = await DuckDBInstance.create(':memory:');
  try {
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll(`SELECT id FROM read_parquet([${paths}])`);
    connection.closeSync();
    return rows.getRowObjectsJson().map(({ id }) => Number(id));
  } finally {
    instance.closeSync();
  }
}

/** The connector itself, not the shell that watches it. */
const writers = (): number[] =>
  processesIn(cluster.directory)
    .filter((line) => line.includes(`${program} write`) && !line.includes('tidemark-connector'))
    .map((line) => parseInt(line, 10));

test(
  'a real destination from PyPI: it is killed, then its worker is; nothing is lost, and what is there twice lies past an echo',
  async () => {
    let worker = await cluster.worker(pypiEnvironment());
    const config = { table_base_path: join(cluster.directory, 'lake'), embed_cmd: embedder() };
    const { name, directory } = await cluster.connection({
      source: { records, stateEvery, recordsPerSecond: 100 },
      destination: {
        connector: 'lake',
        config: { ...config, embed_mode: 'cmd', embedding_dim: 2, text_field: 'note' },
      },
    });
    for (const { ok } of await cluster.client.check(name)) expect(ok).toBe(true);
    const sync = await cluster.client.startSync(name);
    const committed = (n: number) =>
      untilView(
        sync,
        `${n} records are committed`,
        ({ attempts }) => attempts.some(({ progress }) => (progress?.committed.records ?? 0) >= n),
        60_000,
      );
    await committed(stateEvery);
    for (const pid of writers()) process.kill(pid, 'SIGKILL');
    await eventually('it goes on', () => attemptsIn(directory).length > 1, 60_000);
    const resumed = attemptsIn(directory)[1]!.from['items']!;
    expect(resumed).toBeGreaterThanOrEqual(stateEvery);
    await committed(resumed + 2 * stateEvery);
    await worker.kill();
    worker = await cluster.worker(pypiEnvironment());
    expect(await sync.result()).toMatchObject({ outcome: 'succeeded', records });

    const ids = await committedIds(join(cluster.directory, 'lake', 'items'));
    expect(new Set(ids).size).toBe(records);
    const starts = attemptsIn(directory).map(({ from }) => from['items'] ?? 0);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    // An id is there at most once for each attempt that began before it: what an echo covered is never sent again.
    const times = new Map<number, number>();
    for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1);
    const tooOften = [...times].filter(
      ([id, count]) => count > starts.filter((from) => from < id).length,
    );
    expect(tooOften).toEqual([]);
    const logs = await cluster.client.logs(name, 1_000);
    expect(logs).toContain('[lake] INFO Writing complete.');
  },
  msMax,
);
