import { mkdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import type { SyncHandle, SyncSummary } from '../../client/index.ts';
import { untilView, type Cluster } from '../support/cluster.ts';
import type { Held } from '../support/cluster-target.ts';

const stream = 'items';
/** A dead worker is noticed after the heartbeat timeout. */
const attachMsMax = 60_000;
/** Of the file that arrives when all is over. */
const lateRecords = 1_234;
const formats = {
  csv: '(FORMAT csv, HEADER)',
  jsonl: '(FORMAT json)',
  parquet: '(FORMAT parquet)',
  'csv.gz': '(FORMAT csv, HEADER, COMPRESSION gzip)',
} as const;

export interface FilesAttack {
  /** Of each of the four files. */
  readonly recordsPerFile: number;
  readonly kills: number;
  /** A kill comes this long after an attempt began, at most. */
  readonly delayMsMax: number;
  /** Numbers from 0 to 1. */
  readonly random: () => number;
}

export interface FilesOutcome {
  readonly records: number;
  readonly kills: number;
  /** Kills with some rows, but not all of them, at the destination. */
  readonly midway: number;
  readonly summary: SyncSummary;
  readonly held: Held;
  /** A second sync, after one more file came. */
  readonly late: { readonly records: number; readonly summary: SyncSummary; readonly held: Held };
}

/**
 * One sync of a folder of CSV, JSONL and Parquet files, its worker killed at so many instants; then another, after one more file came. The
 * ids of all files together are 1 to n.
 */
export async function syncFilesUnderKills(
  cluster: Cluster,
  { recordsPerFile, kills, delayMsMax, random }: FilesAttack,
): Promise<FilesOutcome> {
  const directory = join(cluster.directory, 'incoming', stream);
  mkdirSync(directory, { recursive: true });
  const names = Object.keys(formats) as (keyof typeof formats)[];
  for (const [i, format] of names.entries())
    await writeItems(directory, format, { first: i * recordsPerFile + 1, count: recordsPerFile });
  const records = names.length * recordsPerFile;
  const name = await cluster.apply({
    source: { connector: 'files', config: { path: 'incoming', checkpoint_records: 2_000 } },
    policy: { attemptsWithoutProgressMax: 2 * kills + 2 },
  });
  let worker = await cluster.worker();
  const sync = await cluster.client.startSync(name);
  let [killed, midway, attempt] = [0, 0, 0];
  for (; killed < kills; killed += 1) {
    // Every other one comes after a commit of its attempt, however slow the machine is.
    const next = await attemptAfter(sync, attempt, killed % 2 === 0);
    if (next === null) break;
    attempt = next;
    await sleep(random() * delayMsMax);
    if ((await sync.status()).summary !== null) break;
    await worker.kill();
    const { rows } = await cluster.target.held(stream, records);
    if (rows > 0 && rows < records) midway += 1;
    worker = await cluster.worker();
  }
  const summary = await sync.result();
  const held = await cluster.target.held(stream, records);
  await writeItems(directory, 'csv', { first: records + 1, count: lateRecords });
  const again = await cluster.client.startSync(name);
  const late = {
    records: lateRecords,
    summary: await again.result(),
    held: await cluster.target.held(stream, records + lateRecords),
  };
  return { records, kills: killed, midway, summary, held, late };
}

/** What an outcome breaks of what is promised; `kills`: how many were meant. */
export function brokenBy(outcome: FilesOutcome, kills: number): readonly string[] {
  const { records, summary, held, late } = outcome;
  const all = records + late.records;
  const rules: readonly (readonly [boolean, string])[] = [
    [summary.outcome === 'succeeded', `the sync ${summary.outcome}`],
    [outcome.kills === kills, `only ${outcome.kills} of ${kills} kills`],
    [outcome.midway > 0, 'no kill came midway'],
    [summary.records === records, `${summary.records} of ${records} records counted`],
    [held.missing === 0 && held.rows >= records, `${held.missing} records lost`],
    [held.twice === 0 && held.rows <= records, `${held.twice} records written twice`],
    [late.summary.outcome === 'succeeded', `the second sync ${late.summary.outcome}`],
    [late.summary.records === late.records, `the second sync read ${late.summary.records} records`],
    [late.held.rows === all && late.held.missing === 0, 'the second sync is not there once'],
  ];
  return rules.flatMap(([isKept, what]) => (isKept ? [] : [what]));
}

/** The number of the attempt after this one, once it runs, or has committed something; null: the sync ended. */
async function attemptAfter(
  sync: SyncHandle,
  before: number,
  isCommitting: boolean,
): Promise<number | null> {
  let attempt: number | null = null;
  let start: number | null = null;
  await untilView(
    sync,
    'an attempt runs',
    ({ attempts, summary }) => {
      const running = attempts.find((one) => one.state === 'running' && one.attempt > before);
      attempt = running?.attempt ?? null;
      const committed = running?.progress?.committed.records ?? 0;
      start ??= running === undefined ? null : committed;
      const isThere = running !== undefined && (!isCommitting || committed > (start ?? 0));
      return isThere || summary !== null;
    },
    attachMsMax,
  );
  return attempt;
}

/** A file of the ids from `first` on, there at once. */
async function writeItems(
  directory: string,
  format: keyof typeof formats,
  { first, count }: { readonly first: number; readonly count: number },
): Promise<void> {
  const name = `part-${first}.${format}`;
  const draft = join(directory, `.${name}`);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT range AS id, 'note "' || range || '"' || chr(10) || 'of it' AS note FROM range(${first}, ${first + count}))
     TO '${draft}' ${formats[format]}`,
  );
  connection.closeSync();
  instance.closeSync();
  const modified = 1_700_000_000 + first / 1_000;
  utimesSync(draft, modified, modified);
  renameSync(draft, join(directory, name));
}
