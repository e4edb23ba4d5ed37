import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { defaultPolicy } from '../../client/index.ts';
import { postgresProgram } from '../../test/support/postgres-server.ts';
import { testDatabase } from '../../test/support/postgres.ts';
import { cpuSecondsOf, peakMemoryOf } from '../../test/support/processes.ts';
import { withBed, type Source } from './bed.ts';
import { createTable, type System } from './items.ts';

export interface Timed {
  readonly wallSeconds: number;
  /** Of the worker process, user and system. */
  readonly cpuSeconds: number;
  /** Its peak. */
  readonly rssBytes: number;
  /** Empty: it went well, and the tables are equal. */
  readonly broken: readonly string[];
}

/** One sync of the table with everybody's policy, from its start to its result. */
export async function timeSync(
  source: Source,
  target: System,
  { parallelism }: { readonly parallelism: number },
): Promise<Timed> {
  return withBed(source, target, { ...defaultPolicy, parallelism }, async (bed) => {
    const { process } = await bed.worker();
    const [cpu, begun] = [cpuSecondsOf(process.pid), performance.now()];
    const sync = await bed.cluster.client.startSync(bed.connection);
    const { outcome, records } = await sync.result();
    const wallSeconds = (performance.now() - begun) / 1_000;
    const cpuSeconds = cpuSecondsOf(process.pid) - cpu;
    const rssBytes = peakMemoryOf(process.pid);
    const broken = [
      ...(outcome === 'succeeded' ? [] : [`the sync ${outcome}`]),
      ...(records === source.rows ? [] : [`${records} of ${source.rows} records counted`]),
      ...(await bed.differing()),
    ];
    return { wallSeconds, cpuSeconds, rssBytes, broken };
  });
}

/** The base: two `psql`, one that copies out and one that copies into a table like ours, in a database of its own. Seconds. */
export async function timePsql({ database, rows }: Source): Promise<number> {
  const target = await testDatabase();
  try {
    await target.query(createTable);
    const begun = performance.now();
    await pipe(
      psql(database.url, 'COPY items TO STDOUT'),
      psql(target.url, 'COPY items FROM STDIN'),
    );
    const seconds = (performance.now() - begun) / 1_000;
    const [row] = await target.query<{ n: string }>('SELECT count(*) AS n FROM items');
    if (Number(row!.n) !== rows) throw new Error(`psql copied ${row!.n} of ${rows} rows.`);
    return seconds;
  } finally {
    await target.drop();
  }
}

const psql = (url: string, sql: string): string =>
  [postgresProgram('psql'), '--no-psqlrc', '--quiet', url, '--command', sql]
    .map((one) => `'${one}'`)
    .join(' ');

async function pipe(from: string, into: string): Promise<void> {
  const child = spawn('/bin/bash', ['-o', 'pipefail', '-c', `${from} | ${into}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`psql exited with code ${code}.`);
}
