import { fromLoader } from '../../engine/writer.ts';
import type { Destination, JsonObject, LoaderDestination } from '../../protocol/index.ts';
import { workerProcess } from '../../worker/worker-process.ts';
import { hooked, hookVariable, type CommitHook } from './commit-hook.ts';

// A worker's process like any other, but for the hook in its native destinations' commits.

const hook = JSON.parse(process.env[hookVariable]!) as CommitHook;
const destinationOf = <C>(native: LoaderDestination<C>): Destination<JsonObject> =>
  fromLoader(hooked(native, hook)) as Destination<C> as unknown as Destination<JsonObject>;

process.exit(
  await workerProcess({
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
    s3: {
      destination: async () =>
        destinationOf((await import('../../connectors/s3/index.ts')).s3Destination),
    },
  }),
);
