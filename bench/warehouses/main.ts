import { parseArgs } from 'node:util';
import { tableOf, type Finding } from '../../test/chaos/finding.ts';
import { startServers } from '../../test/support/own-servers.ts';
import { testDatabase } from '../../test/support/postgres.ts';
import { descendantsOf, processesIn } from '../../test/support/processes.ts';
import {
  isWarehouse,
  serviceConfig,
  warehouseKinds,
  type WarehouseKind,
} from '../../test/support/warehouse.ts';
import { fill } from '../tables/items.ts';
import { copyInto } from './volume.ts';

// `npm run bench:warehouses`: a table of Postgres into each warehouse, on its emulator or the service itself. Method and figures: ../README.md.

const usage = `usage: npm run bench:warehouses -- [--rows N] [--target snowflake|bigquery|redshift]
       on emulators, or on the services whose configs TEST_SNOWFLAKE_CONFIG, TEST_BIGQUERY_CONFIG and TEST_REDSHIFT_CONFIG name`;
const interruptedExitCode = 130;

interface Options {
  readonly rows: number;
  readonly targets: readonly WarehouseKind[];
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: { rows: { type: 'string', default: '1000000' }, target: { type: 'string' } },
  });
  const { target } = values;
  const rows = Number(values.rows);
  const isKnown = target === undefined || isWarehouse(target);
  if (!isKnown || !Number.isSafeInteger(rows) || rows < 1) throw new Error(usage);
  return { rows, targets: target === undefined ? warehouseKinds : [target] };
}

/** By what its command line names; Redshift's stand-in is in this process. */
const emulators: Readonly<Record<WarehouseKind, string | null>> = {
  snowflake: 'test/support/snowflake/server.py',
  bigquery: 'test/support/bigquery/serve.py',
  redshift: null,
};

function emulatorOf(kind: WarehouseKind): readonly number[] {
  if (serviceConfig(kind) !== null) return [];
  const program = emulators[kind];
  if (program === null) return [process.pid];
  // Others may run one of their own.
  const ours = new Set(descendantsOf(process.pid).map(({ pid }) => pid));
  return processesIn(program)
    .map((line) => Number(line.split(' ')[0]))
    .filter((pid) => ours.has(pid));
}

async function main(): Promise<number> {
  const { rows, targets } = readOptions();
  const stops: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void stop().finally(() => process.exit(interruptedExitCode)));
  try {
    await startServers((one) => void stops.push(one), { warehouses: targets });
    const database = await testDatabase();
    stops.push(() => database.drop());
    await fill(database, rows);
    const findings: Finding[] = [];
    for (const kind of targets) {
      const finding = await copyInto(kind, { database, rows, emulator: emulatorOf(kind) });
      console.log(`${finding.what}: ${finding.broken.join('; ') || 'kept'}`);
      findings.push(finding);
    }
    console.log(`\n${tableOf(findings)}`);
    return findings.every(({ broken }) => broken.length === 0) ? 0 : 1;
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
