import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shortHash } from '../../../connectors/kit/identifiers.ts';
import { checkpointTable } from '../../../connectors/kit/ledger.ts';
import { WarehouseLoader } from '../../../connectors/kit/warehouse/loader.ts';
import type { Warehouse } from '../../../connectors/kit/warehouse/warehouse.ts';
import { connection, type Harness } from '../harness.ts';
import { createPostgres } from '../postgres-harness.ts';
import { postgresWarehouse, type PostgresWarehouseConfig } from './postgres-warehouse.ts';

export interface WarehouseHarness extends Harness<PostgresWarehouseConfig> {
  /** Names of the files that wait to be loaded. */
  staged(): Promise<readonly string[]>;
}

/** `change`: what is to go wrong with it. */
export async function createWarehouse(
  change: (warehouse: Warehouse) => Warehouse = (warehouse) => warehouse,
): Promise<WarehouseHarness> {
  const harness = await createPostgres();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-test-warehouse-'));
  const own = `${checkpointTable}_${shortHash(connection.id, 16)}`;
  return {
    ...harness,
    config: { url: harness.config.url as string, directory },
    destination: {
      spec: { connectionSpecification: {} },
      check: () => Promise.resolve(),
      loader: (config) => new WarehouseLoader(change(postgresWarehouse(config))),
    },
    broken: {},
    query: (sql) => harness.query(sql.replaceAll(checkpointTable, own)),
    staged: () => readdir(directory),
    async drop() {
      await harness.drop();
      await rm(directory, { recursive: true });
    },
  };
}
