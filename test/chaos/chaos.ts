import { randomInt } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { houseRoot } from '../support/processes.ts';
import { startServers, type OnOpened } from '../support/own-servers.ts';
import { tableOf, type Finding } from './finding.ts';
import { canMount } from '../support/small-disk.ts';
import { warehouseKinds } from '../support/warehouse.ts';
import { unmountable } from './matrix/applicable.ts';
import { findingOf } from './matrix/figures.ts';
import { openLane } from './matrix/lane.ts';
import { runMatrix } from './matrix/matrix.ts';
import { isTargetOf, partCalled, partNames, warehousesOf, type PartName } from './parts.ts';
import { pageOf } from './reliability/page.ts';
import { soakPartIn, soakPartOf, withSoakPart } from './reliability/soak-part.ts';
import { versionsHere, versionsOf } from './reliability/versions.ts';

// `npm run chaos`: faults against real servers that it starts itself. Exits with 1 if a promise is broken.

const usage = `usage: npm run chaos -- [--seed N] [--publish] [--cell id]
       npm run chaos -- --only ${partNames.join('|')} [--seed N] [--kills N] [--syncs N] [--minutes N]
                        [--target postgres|duckdb|mysql|files|parquet]; mysql only where it is named
       npm run chaos -- --only warehouses [--target snowflake|bigquery|redshift]: on emulators, or on the services whose configs
                        TEST_SNOWFLAKE_CONFIG, TEST_BIGQUERY_CONFIG and TEST_REDSHIFT_CONFIG name. One step of it: --cell id
       either with [--report file]. --publish writes docs/reliability.md: only of the whole matrix, or of the soak.`;
const seedMax = 1_000_000;
const interruptedExitCode = 130;
const killsDefault = '20';
const syncsDefault = '50';
const minutesDefaults: Readonly<Partial<Record<string, string>>> = { soak: '60', changes: '5' };
const page = join(houseRoot(), 'docs/reliability.md');

interface Options {
  readonly only: 'matrix' | PartName;
  readonly cell: string | null;
  readonly publish: boolean;
  readonly target?: string;
  readonly seed: number;
  readonly kills: number;
  readonly syncs: number;
  readonly minutes: number;
  readonly report?: string;
}

interface Told {
  readonly what: string;
  readonly findings: readonly Finding[];
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: 'matrix' },
      cell: { type: 'string' },
      publish: { type: 'boolean', default: false },
      target: { type: 'string' },
      seed: { type: 'string', default: String(randomInt(seedMax)) },
      kills: { type: 'string', default: killsDefault },
      syncs: { type: 'string', default: syncsDefault },
      minutes: { type: 'string' },
      report: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    process.exit(0);
  }
  const { only: asked, target, report, publish, cell = null } = values;
  const minutes = values.minutes ?? minutesDefaults[asked] ?? '0';
  const only = (['matrix', ...partNames] as const).find((name) => name === asked);
  const counts = {
    ...{ seed: Number(values.seed), kills: Number(values.kills) },
    ...{ syncs: Number(values.syncs), minutes: Number(minutes) },
  };
  const isWhole = Object.values(counts).every((n) => Number.isSafeInteger(n) && n >= 0);
  // A page of a part of the cells would look like one of all.
  const isPartial = publish && only !== 'soak' && (only !== 'matrix' || cell !== null);
  const isKnown = only !== undefined && (target === undefined || isTargetOf(asked, target));
  if (!isKnown || !isWhole || isPartial) throw new Error(usage);
  return {
    ...{ only, cell, publish, ...counts },
    ...(target !== undefined && { target }),
    ...(report !== undefined && { report }),
  };
}

async function main(): Promise<number> {
  const options = readOptions();
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  let isInterrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      isInterrupted = true;
      void stop().finally(() => process.exit(interruptedExitCode));
    });
  try {
    const title = `seed ${options.seed}, ${new Date().toISOString()}`;
    console.log(title);
    const onOpened: OnOpened = (one) => void stops.push(one);
    const { what, findings } = await (options.only === 'matrix'
      ? matrix(options, onOpened, () => isInterrupted)
      : part(options.only, options, onOpened));
    const report = `${title}\n\n${what}\n\n${tableOf(findings)}\n`;
    console.log(`\n${tableOf(findings)}`);
    if (options.report !== undefined) writeFileSync(options.report, report);
    const isKept = findings.every(({ broken }) => broken.length === 0);
    console.log(isKept ? '\nEvery promise was kept.' : '\nA promise was broken.');
    return isKept ? 0 : 1;
  } finally {
    await stop();
  }
}

async function matrix(
  { seed, cell, publish }: Options,
  onOpened: OnOpened,
  isInterrupted: () => boolean,
): Promise<Told> {
  const what = 'One sync a cell, struck once';
  console.log(`\n${what}`);
  const startedAt = new Date();
  const versions = publish ? await seenVersions() : {};
  // Servers that its lanes do not start.
  const also = warehouseKinds.filter((kind) => cell?.endsWith(`-${kind}`));
  if (also.length > 0) await startServers(onOpened, { warehouses: also });
  const mayMount = canMount(join(tmpdir(), `tidemark-disk-${process.pid}`));
  if (!mayMount) console.log(`Left out: ${unmountable}.`);
  const measured = await runMatrix({ seed, cell, mayMount, onOpened });
  if (publish && !isInterrupted()) {
    const minutes = (Date.now() - startedAt.getTime()) / 60_000;
    const soak = soakPartIn(published());
    writeFileSync(page, pageOf({ seed, startedAt, minutes, versions, measured, mayMount, soak }));
    console.log(`\nWritten: ${page}`);
  }
  const findings = measured.map(({ job, figures, broken }) => findingOf(job.id, figures, broken));
  return { what, findings };
}

async function seenVersions(): Promise<Readonly<Record<string, string>>> {
  const lane = await openLane();
  try {
    return await versionsOf(lane);
  } finally {
    await lane.close();
  }
}

async function part(name: PartName, options: Options, onOpened: OnOpened): Promise<Told> {
  const also = name === 'warehouses' ? warehousesOf(options.target) : [];
  await startServers(onOpened, { mysql: options.target === 'mysql', warehouses: also });
  const { what, run } = partCalled(name, options);
  // Before the hour, not after it.
  if (options.publish) withSoakPart(published(), '');
  console.log(`\n${what}`);
  const startedAt = new Date();
  const findings = await run();
  if (options.publish) publishSoak(startedAt, findings, options);
  return { what, findings };
}

function publishSoak(
  startedAt: Date,
  findings: readonly Finding[],
  { seed, minutes }: Options,
): void {
  const found = soakPartOf({ seed, minutes, startedAt, findings, versions: versionsHere() });
  writeFileSync(page, withSoakPart(published(), found));
  console.log(`\nWritten: ${page}`);
}

const published = (): string => (existsSync(page) ? readFileSync(page, 'utf8') : '');

/** What a wrong option is answered with; null: it is another error. */
function misuse(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error.message === usage) return usage;
  const isOfOptions = 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
  return isOfOptions ? `${error.message}\n${usage}` : null;
}

process.exit(
  await main().catch((error: unknown) => {
    const stack = error instanceof Error ? (error.stack ?? error.message) : error;
    console.error(misuse(error) ?? stack);
    return 1;
  }),
);
