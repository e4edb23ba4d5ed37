import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { tableOf, type Finding } from '../../test/chaos/finding.ts';
import { startServers } from '../../test/support/own-servers.ts';
import { testDatabase } from '../../test/support/postgres.ts';
import { median, range } from '../figures.ts';
import type { Source } from './bed.ts';
import { columnCount, fill, figuresOf, type System } from './items.ts';
import { copyUnderKills } from './killed.ts';
import { timePsql, timeSync, type Timed } from './timed.ts';

// `npm run bench:tables`: a large table through the whole product, killed and compared, then timed. Method and figures: ../README.md.

const usage = `usage: npm run bench:tables -- [--rows N] [--kills N, 0: none are timed only] [--rounds N, 0: no times]
       [--target postgres|duckdb] [--parallelism N] [--seed N]`;
const interruptedExitCode = 130;
const systems: readonly System[] = ['postgres', 'duckdb'];

interface Options {
  readonly rows: number;
  readonly kills: number;
  readonly rounds: number;
  readonly parallelism: number;
  readonly seed: number;
  readonly targets: readonly System[];
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '5000000' },
      kills: { type: 'string', default: '3' },
      rounds: { type: 'string', default: '1' },
      parallelism: { type: 'string', default: '1' },
      seed: { type: 'string', default: '1' },
      target: { type: 'string' },
    },
  });
  const { target } = values;
  const numbers = {
    ...{ rows: Number(values.rows), kills: Number(values.kills), rounds: Number(values.rounds) },
    ...{ parallelism: Number(values.parallelism), seed: Number(values.seed) },
  };
  const isWhole = Object.values(numbers).every((n) => Number.isSafeInteger(n) && n >= 0);
  const targets = systems.filter((one) => target === undefined || one === target);
  if (!isWhole || numbers.rows < 1 || numbers.parallelism < 1 || targets.length === 0)
    throw new Error(usage);
  return { ...numbers, targets };
}

const startedAt = performance.now();
function tell(text: string): void {
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(5)} s  ${text}`);
}

async function openSource(rows: number): Promise<Source> {
  const database = await testDatabase();
  tell(`making a table of ${rows.toLocaleString('en-US')} rows`);
  await fill(database, rows);
  const [size] = await database.query<{ mb: number }>(
    `SELECT (pg_table_size('items') / 1e6)::int AS mb`,
  );
  tell(`${size!.mb} MB, ${columnCount} columns; its figures`);
  const figures = await figuresOf('postgres', (sql) => database.query(sql));
  return { database, rows, figures };
}

async function killed(source: Source, options: Options): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const target of options.targets) {
    tell(`Postgres to ${target}, the worker killed ${options.kills} times`);
    const finding = await copyUnderKills(source, target, { ...options, tell });
    tell(finding.broken.length === 0 ? 'equal' : `BROKEN: ${finding.broken.join('; ')}`);
    findings.push(finding);
  }
  return findings;
}

/** Rounds of the base and of each target alternate. Answers what is broken. */
async function timed(source: Source, options: Options): Promise<readonly string[]> {
  const base: number[] = [];
  const syncs = new Map<System, Timed[]>(options.targets.map((target) => [target, []]));
  for (let round = 1; round <= options.rounds; round += 1) {
    tell(`round ${round}: psql COPY | psql COPY`);
    base.push(await timePsql(source));
    for (const [target, all] of syncs) {
      tell(`round ${round}: Postgres to ${target}`);
      all.push(await timeSync(source, target, options));
    }
  }
  console.log(`\npsql COPY | psql COPY, wall s     ${range(base, 1)}`);
  for (const [target, all] of syncs) report(`Postgres to ${target}`, all, base, source.rows);
  return [...syncs.values()].flat().flatMap(({ broken }) => broken);
}

function report(title: string, all: readonly Timed[], base: readonly number[], rows: number): void {
  const walls = all.map(({ wallSeconds }) => wallSeconds);
  console.log(title);
  console.log(`  wall s                          ${range(walls, 1)}`);
  console.log(
    `  times psql, by rounds           ${range(
      walls.map((wall, i) => wall / base[i]!),
      2,
    )}`,
  );
  console.log(`  rows a second                   ${Math.round(rows / median(walls))}`);
  console.log(
    `  worker CPU s                    ${range(
      all.map(({ cpuSeconds }) => cpuSeconds),
      1,
    )}`,
  );
  console.log(
    `  worker RSS MB, at most          ${(Math.max(...all.map(({ rssBytes }) => rssBytes)) / 1e6).toFixed(0)}`,
  );
}

async function main(): Promise<number> {
  const options = readOptions();
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(interruptedExitCode)));
  try {
    console.log(
      `Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model}, seed ${options.seed}, parallelism ${options.parallelism}`,
    );
    await startServers((one) => void stops.push(one));
    const source = await openSource(options.rows);
    stops.push(() => source.database.drop());
    const findings = options.kills > 0 ? await killed(source, options) : [];
    const broken = options.rounds > 0 ? await timed(source, options) : [];
    if (findings.length > 0) console.log(`\n${tableOf(findings)}`);
    const all = [...findings.flatMap((one) => one.broken), ...broken];
    console.log(all.length === 0 ? '\nAll is equal.' : `\nBROKEN: ${all.join('; ')}`);
    return all.length === 0 ? 0 : 1;
  } finally {
    await stop();
  }
}

process.exit(
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? (error.stack ?? error.message) : error);
    return 1;
  }),
);
