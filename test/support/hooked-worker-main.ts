import { fromLoader } from '../../engine/writer.ts';
import type { Warehouse } from '../../connectors/kit/warehouse/warehouse.ts';
import type { Destination, JsonObject, LoaderDestination } from '../../protocol/index.ts';
import { workerProcess } from '../../worker/worker-process.ts';
import { hooked, hookVariable, type CommitHook } from './commit-hook.ts';
import { watchWarehouse } from './warehouse-steps.ts';

// A worker's process like any other, but for the hook in its native destinations' commits.

const hook = JSON.parse(process.env[hookVariable]!) as CommitHook;
const destinationOf = <C>(
  native: LoaderDestination<C>,
  ...watch: [] | [ReturnType<typeof watchWarehouse>['watch']]
): Destination<JsonObject> =>
  fromLoader(
    hooked(native, hook, ...watch),
  ) as Destination<C> as unknown as Destination<JsonObject>;
const warehouseOf = <C>(
  destination: LoaderDestination<C>,
  open: (config: C) => Warehouse,
): Destination<JsonObject> => {
  const { native, watch } = watchWarehouse(destination, open);
  return destinationOf(native, watch);
};

process.exit(
  await workerProcess({
    bigquery: {
      destination: async () =>
        warehouseOf(
          (await import('../../connectors/bigquery/index.ts')).bigqueryDestination,
          (await import('../../connectors/bigquery/warehouse.ts')).createWarehouse,
        ),
    },
    duckdb: {
      destination: async () =>
        destinationOf((await import('../../connectors/duckdb/index.ts')).duckdbDestination),
    },
    files: {
      destination: async () =>
        destinationOf((await import('../../connectors/files/index.ts')).filesDestination),
    },
    mysql: {
      destination: async () =>
        destinationOf((await import('../../connectors/mysql/index.ts')).mysqlDestination),
    },
    postgres: {
      destination: async () =>
        destinationOf((await import('../../connectors/postgres/index.ts')).postgresDestination),
    },
    redshift: {
      destination: async () =>
        warehouseOf(
          (await import('../../connectors/redshift/index.ts')).redshiftDestination,
          (await import('../../connectors/redshift/warehouse.ts')).redshiftWarehouse,
        ),
    },
    s3: {
      destination: async () =>
        destinationOf((await import('../../connectors/s3/index.ts')).s3Destination),
    },
    snowflake: {
      destination: async () =>
        warehouseOf(
          (await import('../../connectors/snowflake/index.ts')).snowflakeDestination,
          (await import('../../connectors/snowflake/warehouse.ts')).snowflakeWarehouse,
        ),
    },
  }),
);
