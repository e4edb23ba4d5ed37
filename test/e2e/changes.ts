import { setTimeout as sleep } from 'node:timers/promises';
import { openCluster, type Cluster } from '../support/cluster.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { eventually } from '../worker/eventually.ts';
import { seeded } from './instants.ts';

/** A database that is written to all the time, while its changes are copied and the worker is killed again and again. */
export interface Storm {
  readonly rows: number;
  readonly writesPerSecond: number;
  readonly seconds: number;
  readonly killEverySeconds: number;
  readonly seed: number;
}

export interface Weathered {
  readonly writes: number;
  readonly kills: number;
  readonly attempts: number;
  /** What the server kept of its log for the slot, at most, bytes. */
  readonly lagBytes: number;
  /** How long after the last write the destination had all of them, ms. */
  readonly behindMs: number;
  /** At the source, at the end. */
  readonly rows: number;
  /** Keys of rows that the destination lacks, has too many, or has otherwise. */
  readonly differing: readonly string[];
}

const tickMs = 50;
const caughtUpMsMax = 60_000;

/** Rows by their key, each as a digest of all its columns. */
async function rowsOf(database: TestDatabase): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query<{ id: string; digest: string }>(
    `SELECT id, md5(concat_ws(',', n, coalesce(doc, '-'), at)) AS digest FROM items`,
  );
  return new Map(rows.map(({ id, digest }) => [id, digest]));
}

/** Keys of rows that only one of them has, or that they have otherwise. */
function differing(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((id) => a.get(id) !== b.get(id));
}

export async function weather(storm: Storm): Promise<Weathered> {
  const source = await testDatabase();
  const cluster = await openCluster({ target: 'postgres' });
  try {
    return await weathered(storm, source, cluster);
  } finally {
    await cluster.close();
    await eventually('the slot is free', async () => !(await slotOf(source)).active);
    await source.drop();
  }
}

async function weathered(storm: Storm, source: TestDatabase, cluster: Cluster): Promise<Weathered> {
  await source.query(
    'CREATE TABLE items (id bigint PRIMARY KEY, n int, doc text, at timestamptz DEFAULT now()); ALTER TABLE items ALTER doc SET STORAGE EXTERNAL',
  );
  await source.query(
    `INSERT INTO items SELECT n, 0, CASE WHEN n % 100 = 0 THEN repeat('x', 4000) END FROM generate_series(1, ${storm.rows}) n`,
  );
  await source.query('CREATE PUBLICATION tidemark FOR TABLE items');
  const url = new URL(source.url);
  let worker = await cluster.worker();
  const name = await cluster.apply({
    source: {
      connector: 'postgres',
      config: {
        ...{ host: url.hostname, port: Number(url.port), database: url.pathname.slice(1) },
        ...{ username: url.username, checkpoint_pages: 20 },
        cdc: { slot: slotNameOf(source), continuous: true },
      },
    },
    policy: { attemptsWithoutProgressMax: 20 },
  });
  const sync = await cluster.client.startSync(name);
  const storming = keepWriting(source, storm);
  const lag = watchLag(source);
  let kills = 0;
  while (!storming.isOver()) {
    const until = Date.now() + storm.killEverySeconds * 1_000;
    while (Date.now() < until && !storming.isOver()) await sleep(tickMs);
    if (storming.isOver()) break;
    await worker.kill();
    kills += 1;
    worker = await cluster.worker();
  }
  const writes = await storming.done;
  const over = Date.now();
  const there = await rowsOf(source);
  const database = cluster.target.database!;
  let wrong: readonly string[] = [];
  await eventually(
    'the destination has it all',
    async () => {
      wrong = differing(there, await rowsOf(database));
      return wrong.length === 0;
    },
    caughtUpMsMax,
  ).catch(() => undefined);
  const behindMs = Date.now() - over;
  await sync.cancel();
  const { attempts } = await sync.result();
  return {
    ...{ writes, kills, attempts, behindMs, lagBytes: await lag.stop() },
    ...{ rows: there.size, differing: wrong },
  };
}

const slotNameOf = ({ url }: TestDatabase): string => `s_${new URL(url).pathname.slice(1)}`;

async function slotOf(database: TestDatabase): Promise<{ active: boolean; lag: number }> {
  const [row] = await database.query<{ active: boolean; lag: string }>(
    `SELECT active, (pg_current_wal_lsn() - confirmed_flush_lsn)::text AS lag FROM pg_replication_slots WHERE slot_name = '${slotNameOf(database)}'`,
  );
  return { active: row?.active ?? false, lag: Number(row?.lag ?? 0) };
}

function watchLag(database: TestDatabase): { stop(): Promise<number> } {
  let most = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      most = Math.max(most, (await slotOf(database)).lag);
      await sleep(tickMs);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await watching;
      return most;
    },
  };
}

/** Transactions of some ten rows each, of every kind. */
function keepWriting(
  database: TestDatabase,
  { rows, writesPerSecond, seconds, seed }: Storm,
): { readonly done: Promise<number>; isOver(): boolean } {
  const random = seeded(seed);
  const pick = (n: number): number => Math.floor(random() * n);
  const each = 10;
  let next = rows + 1;
  let isOver = false;
  const statement = (): string => {
    const id = 1 + pick(next);
    const [first, fresh] = [next, next + each];
    switch (pick(6)) {
      case 0:
        next = fresh;
        return `INSERT INTO items SELECT n, 0, repeat('y', 3000) FROM generate_series(${first}, ${fresh - 1}) n`;
      case 1:
        return `DELETE FROM items WHERE id IN (SELECT id FROM items WHERE id >= ${id} ORDER BY id LIMIT ${each})`;
      case 2:
        next = fresh;
        return `WITH chosen AS (SELECT id, row_number() OVER () AS n FROM items WHERE id >= ${id} LIMIT ${each}) UPDATE items SET id = ${first - 1} + chosen.n FROM chosen WHERE items.id = chosen.id`;
      default:
        return `UPDATE items SET n = n + 1, at = clock_timestamp() WHERE id IN (SELECT id FROM items WHERE id >= ${id} ORDER BY id LIMIT ${each})`;
    }
  };
  const done = (async () => {
    const begun = Date.now();
    let writes = 0;
    try {
      while (Date.now() - begun < seconds * 1_000) {
        const due = ((Date.now() - begun) / 1_000) * writesPerSecond;
        for (; writes < due; writes += each) await database.query(statement());
        await sleep(tickMs);
      }
      return writes;
    } finally {
      isOver = true;
    }
  })();
  return { done, isOver: () => isOver };
}
