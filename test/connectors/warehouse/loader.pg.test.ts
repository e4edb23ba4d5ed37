import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WarehouseLoader } from '../../../connectors/kit/warehouse/loader.ts';
import { checkpointTable } from '../../../connectors/kit/ledger.ts';
import { shortHash } from '../../../connectors/kit/identifiers.ts';
import { destinationSuite } from '../conformance.ts';
import { replaceSuite } from '../conformance-replace.ts';
import { createPostgres } from '../postgres-harness.ts';
import { connection, type Harness } from '../harness.ts';
import { postgresWarehouse, type PostgresWarehouseConfig } from './postgres-warehouse.ts';

async function create(): Promise<Harness<PostgresWarehouseConfig>> {
  const harness = await createPostgres();
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-test-warehouse-'));
  const own = `${checkpointTable}_${shortHash(connection.id, 16)}`;
  return {
    ...harness,
    config: { url: harness.config.url as string, directory },
    destination: {
      spec: { connectionSpecification: {} },
      check: () => Promise.resolve(),
      loader: (config) => new WarehouseLoader(postgresWarehouse(config)),
    },
    broken: {},
    query: (sql) => harness.query(sql.replaceAll(checkpointTable, own)),
    async drop() {
      await harness.drop();
      await rm(directory, { recursive: true });
    },
  };
}

destinationSuite({ name: 'A warehouse', create });
replaceSuite({ name: 'A warehouse', create });
