import type { LoaderDestination } from '../../protocol/index.ts';
import { defaultSchema, duckdbSpec, type DuckdbConfig } from './config.ts';
import { DatabaseFile, Turns } from './database.ts';
import { DuckdbLoader } from './loader.ts';

/** Opens the file, making it when it is missing, and writes to it what it takes back. */
async function check(config: DuckdbConfig, turns: Turns, signal: AbortSignal): Promise<void> {
  await new DatabaseFile(config, turns).use(signal, async (database) => {
    await database.run('BEGIN TRANSACTION');
    await database.run(
      `CREATE SCHEMA IF NOT EXISTS ${database.schema(config.schema ?? defaultSchema)}`,
    );
    await database.run('ROLLBACK');
  });
}

/** All loaders of one destination take turns at a file, so a process makes one destination. */
function createDuckdbDestination(): LoaderDestination<DuckdbConfig> {
  const turns = new Turns();
  return {
    spec: duckdbSpec,
    guarantee: {
      delivery: 'exactly once',
      because: 'rows and checkpoint are one transaction, behind a fence',
      verifiedOn: 'DuckDB 1.5.6, the real library',
    },
    check: (config, signal) => check(config, turns, signal),
    loader: (config) => new DuckdbLoader(config, turns),
  };
}

export const duckdbDestination = createDuckdbDestination();
