import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startDevServer } from '../../worker/dev-server.ts';
import type { TargetKind } from '../support/cluster-target.ts';
import { startPostgres } from '../support/postgres-server.ts';
import { killFiles } from './files.ts';
import { tableOf, type Finding } from './finding.ts';
import { fullRefresh, killAtRandom, steadyLoad, type Victim } from './kills.ts';
import { crowds, largeLoads } from './large.ts';
import { leaksAfter } from './leaks.ts';
import { memoryUnderLoad } from './memory.ts';
import { soak } from './soak/soak.ts';

// `npm run chaos`: kills, failed syncs and a slow database, against real servers that it starts itself. Exits with 1 if a promise is broken.
// The soak runs only when asked for.

const usage = `usage: npm run chaos -- [--only kills|files|refresh|leaks|memory|large|many|soak] [--target postgres|duckdb|files|parquet]
                        [--seed N] [--kills N] [--syncs N] [--minutes N] [--report file]`;
const seedMax = 1_000_000;
const interruptedExitCode = 130;
const killsDefault = '20';
const refreshKills = 10;
const syncsDefault = '50';
const minutesDefault = '60';
/** Of a source that is a process; files are written too where files are read. */
const targets: readonly TargetKind[] = ['postgres', 'duckdb'];
const filesTargets: readonly TargetKind[] = [...targets, 'files', 'parquet'];
const victims: readonly Victim[] = ['worker', 'source'];

type Stop = () => Promise<void>;

interface Part {
  readonly name: string;
  readonly what: string;
  readonly run: () => Promise<readonly Finding[]>;
}

function readOptions() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      target: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(seedMax)) },
      kills: { type: 'string', default: killsDefault },
      syncs: { type: 'string', default: syncsDefault },
      minutes: { type: 'string', default: minutesDefault },
      report: { type: 'string' },
    },
  });
  const { only, target, report } = values;
  const { seed: seedText, kills: killsText, syncs: syncsText, minutes: minutesText } = values;
  const [seed, kills, syncs, minutes] = [seedText, killsText, syncsText, minutesText].map(Number);
  const isChosen = (kind: TargetKind): boolean => target === undefined || kind === target;
  const known =
    only === undefined ||
    ['kills', 'files', 'refresh', 'leaks', 'memory', 'large', 'many', 'soak'].includes(only);
  const whole = [seed, kills, syncs, minutes].every((n) => Number.isSafeInteger(n) && n! >= 0);
  const ofFiles = filesTargets.filter(isChosen);
  if (!known || !whole || ofFiles.length === 0) throw new Error(usage);
  const ends = { targets: targets.filter(isChosen), filesTargets: ofFiles };
  const counts = { seed: seed!, kills: kills!, syncs: syncs!, minutes: minutes! };
  return { only, ...ends, ...counts, report };
}

function partsOf({
  only,
  targets: chosen,
  filesTargets: ofFiles,
  seed,
  kills,
  syncs,
  minutes,
}: ReturnType<typeof readOptions>): Part[] {
  const parts: Part[] = [
    {
      name: 'kills',
      what: `SIGKILL at ${kills} random instants each`,
      run: () =>
        inTurn(
          chosen.flatMap((kind) => victims.map((victim) => ({ kind, victim }))),
          (one, i) =>
            killAtRandom(one.kind, one.victim, { seed: seed + i, kills, load: steadyLoad(kills) }),
        ),
    },
    {
      name: 'files',
      what: `a folder of CSV, JSONL and Parquet files, its worker killed at ${kills} random instants each`,
      run: () => inTurn(ofFiles, (kind, i) => killFiles(kind, { seed: seed + i, kills })),
    },
    {
      name: 'refresh',
      what: `1.1 GB read in full into a new table, killed at ${refreshKills} random instants each`,
      run: () =>
        inTurn(
          chosen.flatMap((kind) => victims.map((victim) => ({ kind, victim }))),
          (one, i) =>
            killAtRandom(one.kind, one.victim, {
              seed: seed + i,
              kills: refreshKills,
              load: fullRefresh,
            }),
        ),
    },
    {
      name: 'leaks',
      what: `${syncs} failed syncs each`,
      run: () => inTurn(chosen, (kind) => leaksAfter(kind, syncs)),
    },
    {
      name: 'memory',
      what: '1 GB of records into a slow Postgres',
      run: () => inTurn([null], memoryUnderLoad),
    },
    {
      name: 'soak',
      what: `syncs back to back for ${minutes} minutes, each with a fault at a random instant`,
      run: () => soak({ seed, minutes }),
    },
  ];
  parts.push(
    {
      name: 'large',
      what: 'large states, many states, large rows, many streams',
      run: () => inTurn(largeLoads(), (load) => load()),
    },
    {
      name: 'many',
      what: '50 connections at once on one worker',
      run: () => inTurn(crowds(), (crowd) => crowd()),
    },
  );
  return parts.filter(({ name }) => (only === undefined ? name !== 'soak' : name === only));
}

async function inTurn<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<Finding>,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const [i, item] of items.entries()) {
    const finding = await work(item, i);
    console.log(`  ${finding.what}: ${finding.broken.length === 0 ? 'kept' : 'BROKEN'}`);
    findings.push(finding);
  }
  return findings;
}

async function main(): Promise<number> {
  const options = readOptions();
  const stops: Stop[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(interruptedExitCode)));
  try {
    await startServers(stops);
    const report = [`seed ${options.seed}, ${new Date().toISOString()}`];
    console.log(report[0]);
    let broken = 0;
    for (const { what, run } of partsOf(options)) {
      console.log(`\n${what}`);
      const findings = await run();
      broken += findings.filter((finding) => finding.broken.length > 0).length;
      report.push(`\n${what}\n\n${tableOf(findings)}`);
      console.log(`\n${tableOf(findings)}`);
    }
    if (options.report !== undefined) writeFileSync(options.report, `${report.join('\n')}\n`);
    console.log(broken === 0 ? '\nEvery promise was kept.' : '\nA promise was broken.');
    return broken === 0 ? 0 : 1;
  } finally {
    await stop();
  }
}

/** As the tests do: a server that the environment names is used as it is. */
async function startServers(stops: Stop[]): Promise<void> {
  if (!process.env['TEST_POSTGRES_URL']) {
    const postgres = await startPostgres();
    stops.push(() => postgres.stop());
    process.env['TEST_POSTGRES_URL'] = postgres.url;
  }
  if (process.env['TEST_TEMPORAL_ADDRESS']) return;
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-temporal-'));
  stops.push(() => rm(directory, { recursive: true, force: true }));
  const temporal = await startDevServer({ directory });
  stops.push(() => temporal.stop());
  process.env['TEST_TEMPORAL_ADDRESS'] = temporal.address;
}

process.exit(
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? (error.stack ?? error.message) : error);
    return 1;
  }),
);
