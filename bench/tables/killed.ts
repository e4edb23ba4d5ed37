import { setTimeout as sleep } from 'node:timers/promises';
import { defaultPolicy, type Policy } from '../../client/index.ts';
import { defaultCadence } from '../../protocol/index.ts';
import { defaultCheckpointPages } from '../../connectors/postgres/source/config.ts';
import type { Finding } from '../../test/chaos/finding.ts';
import { seeded } from '../../test/e2e/instants.ts';
import { heartbeatTimeoutMs } from '../../test/support/cluster.ts';
import { withBed, type Bed, type Source } from './bed.ts';
import type { System } from './items.ts';

const lookMs = 20;
/** So that a small table too is committed a few times between two kills. */
const commitsPerKill = 4;
const recordBytes = 350;
const batchBytesMin = 64 * 1024;
/** A place is not at the very beginning or end of its share of the table. */
const [placeFrom, placeTo] = [0.2, 0.8];

export interface KillOptions {
  readonly kills: number;
  readonly parallelism: number;
  readonly seed: number;
  readonly tell: (text: string) => void;
}

/** Where the worker was when it died: records that its attempt had taken, beside those that were committed before. */
interface Kill {
  readonly at: number;
  readonly committed: number;
}

interface Fight {
  readonly kills: readonly Kill[];
  /** By all attempts. */
  readonly read: number;
  readonly records: number;
  readonly bytes: number;
  readonly outcome: string;
  readonly attempts: number;
}

/** One sync of the table, its worker killed at places spread over it; each time a new one starts. */
export async function copyUnderKills(
  source: Source,
  target: System,
  options: KillOptions,
): Promise<Finding> {
  const { kills, parallelism, tell } = options;
  const wanted = (source.rows * recordBytes) / (commitsPerKill * (kills + 1));
  const batchBytesMax = Math.round(
    Math.min(defaultCadence.batchBytesMax, Math.max(wanted, batchBytesMin)),
  );
  const policy: Policy = { ...defaultPolicy, heartbeatTimeoutMs, parallelism, batchBytesMax };
  return withBed(source, target, policy, async (bed) => {
    const fought = await fight(bed, source.rows, options);
    tell('comparing the tables');
    const [differing, pages] = [await bed.differing(), await pagesOf(source)];
    const range = Math.ceil((source.rows * defaultCheckpointPages) / pages);
    const batch = Math.ceil((batchBytesMax * fought.records) / Math.max(1, fought.bytes));
    // Of each range that was read at once, of a batch that was not committed: no more than that is lost with a worker.
    const againMax = kills * (Math.min(source.rows, range) * parallelism + batch);
    return findingOf({ source, target, kills, fought, differing, range, batch, againMax });
  });
}

async function fight(bed: Bed, rows: number, { kills, seed, tell }: KillOptions): Promise<Fight> {
  const random = seeded(seed);
  const places = Array.from({ length: kills }, (_, n) =>
    Math.round((rows * (n + placeFrom + (placeTo - placeFrom) * random())) / kills),
  );
  let worker = await bed.worker();
  const sync = await bed.cluster.client.startSync(bed.connection);
  const progress = { isOver: false };
  const result = sync.result().finally(() => (progress.isOver = true));
  result.catch(() => undefined);
  const done: Kill[] = [];
  let [readBefore, committed] = [0, 0];
  for (const place of places) {
    let read = await worker.read();
    while (!progress.isOver && committed + read < place) {
      await sleep(lookMs);
      read = await worker.read();
    }
    if (progress.isOver) break;
    await worker.process.kill();
    readBefore += read;
    const at = committed + read;
    committed = await bed.rows();
    done.push({ at, committed });
    tell(`killed at record ${shown(at)}, with ${shown(committed)} committed`);
    worker = await bed.worker();
  }
  const { outcome, records, bytes, attempts } = await result;
  const read = readBefore + (await worker.read());
  return { kills: done, read, records, bytes, outcome, attempts };
}

async function pagesOf({ database }: Source): Promise<number> {
  const [row] = await database.query<{ pages: string }>(
    `SELECT pg_relation_size('items') / current_setting('block_size')::int AS pages`,
  );
  return Math.max(1, Number(row!.pages));
}

interface Judged {
  readonly source: Source;
  readonly target: System;
  readonly kills: number;
  readonly fought: Fight;
  readonly differing: readonly string[];
  readonly range: number;
  readonly batch: number;
  readonly againMax: number;
}

function findingOf(judged: Judged): Finding {
  const { source, target, kills, fought, differing, range, batch, againMax } = judged;
  const { rows } = source;
  const again = fought.read - rows;
  const places = fought.kills.map(({ at }) => `${Math.round((100 * at) / rows)} %`);
  return {
    what: `Postgres to ${target}, killed`,
    facts: {
      rows,
      kills: fought.kills.length,
      at: places.join(', '),
      attempts: fought.attempts,
      'read again': again,
      'at most': againMax,
      'a range': range,
      'a batch': batch,
      differing: differing.length,
    },
    broken: [
      ...(fought.outcome === 'succeeded' ? [] : [`the sync ${fought.outcome}`]),
      ...(fought.kills.length === kills ? [] : [`only ${fought.kills.length} of ${kills} kills`]),
      ...(fought.records === rows ? [] : [`${fought.records} of ${rows} records counted`]),
      ...(again >= 0 && again <= againMax ? [] : [`${again} records read again`]),
      ...differing,
    ],
  };
}

const shown = (n: number): string => n.toLocaleString('en-US');
